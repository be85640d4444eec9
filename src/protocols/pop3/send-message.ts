/** A message as the multi-line response of RETR and TOP, a piece at a time. */
import type { BodyReader } from '../../messages/bodies-read.ts'
import { surrogateHeader } from '../../messages/mime/surrogate-header.ts'
import { pop3Limits } from './limits.ts'
import { encodeReply, err, ok, type Reply } from './reply.ts'
import type { Session } from './session.ts'
import { createDotStuffer } from './syntax/dot-stuffing.ts'
import { createTopCutter, type TopCutter } from './syntax/top-lines.ts'

/** Our own defect in the middle of a response: whatever followed would be taken for a part of it. */
export class ResponseBrokenOff extends Error {}

/** A header in the place of the first bytes of the message, where there is one. */
type Source = { header: Buffer; bodyFrom: number }

/**
 * Sends a message, or the beginning of it.
 * @param bodyLines null: all of it.
 * @returns null when it was sent and the client has taken it, else what is to be answered.
 * @throws ConnectionClosed, ResponseBrokenOff
 */
export async function sendMessage(
  session: Session,
  body: BodyReader,
  bodyLines: number | null,
): Promise<Reply | null> {
  const { output } = session.transport
  const source = session.utf8 ? asStored : sourceWithoutUtf8(body)
  if (source === null) return err('The message needs UTF8', 'UTF8')
  const sizeBytes = source.header.length + body.sizeBytes - source.bodyFrom
  const text = bodyLines === null ? `${sizeBytes} octets` : 'The top of the message follows'
  await output.write(encodeReply(ok(text)))
  const stuffer = createDotStuffer()
  const cutter = bodyLines === null ? null : createTopCutter(bodyLines)
  for await (const piece of piecesOf(body, source, cutter)) await output.write(stuffer.write(piece))
  await output.write(stuffer.end())
  await output.flush()
  return null
}

const asStored: Source = { header: Buffer.alloc(0), bodyFrom: 0 }

/** RFC 6856 §2.1: without UTF8 a header goes in ASCII (RFC 6858). @returns null for one that is too long for that. */
function sourceWithoutUtf8(body: BodyReader): Source | null {
  const end = Math.min(body.sizeBytes, pop3Limits.rewrittenHeaderBytesMax)
  const beginning = body.inMemory({ start: 0, end })
  if (beginning === null) return null
  const surrogate = surrogateHeader(beginning, end === body.sizeBytes)
  switch (surrogate.kind) {
    case 'not-needed':
      return asStored
    case 'surrogate':
      return { header: surrogate.header, bodyFrom: surrogate.replacedBytes }
    case 'too-long':
      return null
  }
}

async function* piecesOf(
  body: BodyReader,
  source: Source,
  cutter: TopCutter | null,
): AsyncGenerator<Buffer, void> {
  const cut = (piece: Buffer): Buffer => (cutter === null ? piece : cutter.take(piece))
  if (source.header.length > 0) yield cut(source.header)
  try {
    for await (const piece of body.read({ start: source.bodyFrom, end: body.sizeBytes })) {
      yield cut(piece)
      if (cutter?.isDone) return
    }
  } catch (cause) {
    throw new ResponseBrokenOff('a message could not be sent to its end', { cause })
  }
}
