/** What SASL messages look like on the wire of POP3: base64, RFC 5034 §4. */

export type SaslInitialResponse =
  | { kind: 'none' }
  | { kind: 'response'; bytes: Buffer }
  | { kind: 'malformed' }
export type SaslLine = { kind: 'response'; bytes: Buffer } | { kind: 'cancelled' } | { kind: 'malformed' }

// RFC 5034 §4: nothing but the alphabet, padding only at the end.
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** The second argument of AUTH: `=` is a response of no bytes. */
export function parseInitialResponse(word: string): SaslInitialResponse {
  if (word === '=') return { kind: 'response', bytes: Buffer.alloc(0) }
  return base64.test(word) ? { kind: 'response', bytes: Buffer.from(word, 'base64') } : { kind: 'malformed' }
}

/** The client's answer to a challenge: `*` cancels. */
export function parseSaslLine(line: Buffer): SaslLine {
  const text = line.toString('latin1')
  if (text === '*') return { kind: 'cancelled' }
  return base64.test(text) ? { kind: 'response', bytes: Buffer.from(text, 'base64') } : { kind: 'malformed' }
}

/** RFC 5034 §4: an empty challenge is `+` and a space. */
export function encodeChallenge(bytes: Buffer): string {
  return `+ ${bytes.toString('base64')}\r\n`
}
