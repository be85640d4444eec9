/** Every bound of the MCP face that is not a rule of the core. */

export const mcpLimits = {
  /** Of a request's body: a message that is sent with small attachments in base64. */
  bodyBytesMax: 8 * 1024 ** 2,
  /** JSON-RPC messages in one body, which protocol version 2025-03-26 allows. */
  batchMax: 20,
  /** Tool calls of one caller that run at the same time, on each node. */
  runningPerCallerMax: 50,
  /** Between signs of life in a stream, which must not look dead to what stands between. */
  keepAliveMs: 15_000,
  /** Between two progress notifications of a tool that waits. */
  progressMs: 5_000,
  /** Characters of a message's text in one result, unless the caller asks for less or more. */
  textChars: 20_000,
  textCharsMax: 100_000,
  /** Characters of each message of a thread. */
  threadTextChars: 4_000,
  /** Messages of a thread in one result. */
  threadMessagesMax: 25,
  /** Messages of a list in one result. */
  listDefault: 20,
  listMax: 50,
  /** People shown of a field; the rest is counted. */
  peopleMax: 20,
  /** Attachments shown of a message; the rest is counted. */
  attachmentsShownMax: 50,
  /** Characters of a name, a subject or a file name. */
  lineChars: 500,
  /** Octets of an attachment that is given as text, or as a picture. */
  textAttachmentBytesMax: 256 * 1024,
  imageAttachmentBytesMax: 2 * 1024 ** 2,
  /** How long a tool waits, unless the caller asks for less or more. */
  waitSeconds: 30,
  /** Attachments that a tool sends. */
  attachmentsMax: 20,
} as const
