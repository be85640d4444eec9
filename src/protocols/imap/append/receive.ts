/**
 * Takes the literals of an APPEND or REPLACE, which are streamed into the store. Each is judged when it is announced:
 *   announced -> refused, or streamed -> announced again, or the end of the command
 */
import { bad, faultReply, literalTooLarge, type Reply } from '../reply.ts'
import { nameEncodingOf } from '../session.ts'
import type { UploadCommand } from '../syntax/commands.ts'
import type { LiteralAnnounced, Segment } from '../syntax/framing.ts'
import { classifyLiteral } from '../syntax/parse-append.ts'
import { advance } from './assemble.ts'
import { judgeLiteral, judgeRoom } from './judge.ts'
import { openMessage, type Upload } from './upload.ts'

/** `answered`: with null the client is gone. */
export type Ending =
  | { kind: 'complete'; segments: readonly Segment[] }
  | { kind: 'answered'; reply: Reply | null }

type Announcement = { announced: LiteralAnnounced; command: UploadCommand }

/** From the first literal of a message to the end of the command. */
export async function receiveMessages(upload: Upload, first: Announcement): Promise<Ending> {
  const { input, output } = upload.session.transport
  let next = first
  for (;;) {
    const { announced, command } = next
    const refusal = await beforeLiteral(
      upload,
      async () =>
        (await advance(upload, command.messages, true)) ??
        judgeLiteral(upload, announced, command.messages) ??
        (await judgeRoom(upload, announced, command)),
    )
    if (refusal !== null) {
      input.refuseLiteral()
      return { kind: 'answered', reply: refusal }
    }
    input.acceptLiteral('stream')
    if (announced.synchronizing) {
      await output.write('+ Ready for the message\r\n')
      await output.flush()
    }
    const received = await receiveLiteral(upload, announced.binary)
    if (received.kind === 'closed') return { kind: 'answered', reply: null }
    const following = await untilMessage(upload)
    if (received.kind === 'unusable') {
      // Not before here can the answer be given: the connection stays in step.
      if (following.kind === 'announced') input.refuseLiteral()
      return { kind: 'answered', reply: received.answer() }
    }
    if (following.kind !== 'announced') return following
    next = following
  }
}

/** A literal stays announced while `work` runs, so an error must refuse it to stay in step. */
export async function beforeLiteral<T>({ session }: Upload, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    session.transport.input.refuseLiteral()
    throw error
  }
}

/** Goes on to the next literal of a message, or the end. Other literals, the URLs of CATENATE, are buffered. */
async function untilMessage({ session }: Upload): Promise<Ending | ({ kind: 'announced' } & Announcement)> {
  const { input, output } = session.transport
  for (;;) {
    const event = await input.next()
    if (event.kind === 'command') return { kind: 'complete', segments: event.segments }
    if (event.kind === 'closed') return { kind: 'answered', reply: null }
    if (event.kind !== 'literal-announced') return { kind: 'answered', reply: bad('Line too long') }
    const use = classifyLiteral(event, nameEncodingOf(session))
    if (use.kind === 'append-message') return { kind: 'announced', announced: event, command: use.command }
    if (use.kind === 'fault' || !event.bufferable) {
      input.refuseLiteral()
      return { kind: 'answered', reply: use.kind === 'fault' ? faultReply(use.fault) : literalTooLarge }
    }
    input.acceptLiteral('buffer')
    if (!event.synchronizing) continue
    await output.write('+ Go ahead\r\n')
    await output.flush()
  }
}

/** `answer` throws the error that kept the literal from being taken, when it is not the client's. */
type Unusable = { kind: 'unusable'; answer: () => Reply }
type Received = { kind: 'taken' } | Unusable | { kind: 'closed' }

const hasNul: Unusable = { kind: 'unusable', answer: () => bad('A message cannot have NUL octets') }

/** Reads one literal to its end, also when it cannot be kept. Only a literal8 may have NULs (RFC 3516 §4.4). */
async function receiveLiteral(upload: Upload, binary: boolean): Promise<Received> {
  const { input } = upload.session.transport
  const message = openMessage(upload)
  let unusable: Unusable | null = null
  let event = await input.next()
  for (; event.kind === 'literal-chunk'; event = await input.next()) {
    const { bytes } = event
    if (unusable !== null) continue
    const nul = bytes.includes(0)
    message.hasNul ||= nul
    unusable = nul && !binary ? hasNul : await attempt(() => message.writer.write(bytes))
  }
  if (event.kind !== 'literal-end') return { kind: 'closed' }
  message.partsDone += 1
  return unusable ?? { kind: 'taken' }
}

async function attempt(work: () => Promise<void>): Promise<Unusable | null> {
  try {
    await work()
    return null
  } catch (error) {
    const answer = (): never => {
      throw error
    }
    return { kind: 'unusable', answer }
  }
}
