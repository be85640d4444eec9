/**
 * APPEND, RFC 9051 §6.3.12, and MULTIAPPEND, RFC 3502. Each message is judged when its literal is announced, streamed
 * into the store, and placed with the others when the command ends:
 *   announced -> refused, or streamed -> announced again, or the end of the command -> stored
 */
import { type AppendedMessage, appendMessages } from '../../../messages/append.ts'
import { type BodyWriter, createBodyWriter, type StagedBody } from '../../../messages/bodies.ts'
import { requireKeywords } from '../../../messages/flags.ts'
import { findFolder } from '../../../messages/folders.ts'
import type { StoredMessage } from '../../../messages/store.ts'
import { transaction } from '../../../platform/database.ts'
import { Refusal } from '../../../platform/errors.ts'
import { withUpdates } from '../dispatch.ts'
import { toFlagSet } from '../flag-set.ts'
import { imapLimits } from '../limits.ts'
import { bad, faultReply, no, ok, type Reply, refusalReply } from '../reply.ts'
import { type AuthenticatedSession, isAuthenticated, nameEncodingOf, type Session } from '../session.ts'
import type { AppendMessage } from '../syntax/commands.ts'
import type { LiteralAnnounced, Segment } from '../syntax/framing.ts'
import { classifyLiteral, type LiteralUse } from '../syntax/parse-append.ts'
import { parseCommand } from '../syntax/parse-command.ts'
import { encodeSequenceSet } from '../syntax/sequence-set.ts'
import { noSuchTarget } from './copy.ts'

type AppendUse = Extract<LiteralUse, { kind: 'append-message' }>

type Staged = { body: StagedBody; writer: BodyWriter }

/** Takes the command from its first message literal to its end. @returns null when the client is gone. */
export async function receiveAppend(
  session: Session,
  announced: LiteralAnnounced,
  use: AppendUse,
): Promise<Reply | null> {
  const { input } = session.transport
  if (!isAuthenticated(session)) {
    input.refuseLiteral()
    return bad('Log in first')
  }
  const staged: Staged[] = []
  let stored = false
  try {
    const folder = await findTarget(session, use)
    const ending = await receiveMessages(session, announced, use, folder !== null, staged)
    if (ending.kind !== 'complete') return ending.reply
    if (folder === null) return noSuchTarget
    const reply = await storeAll(session, folder, staged, ending.segments)
    stored = reply.condition === 'OK'
    return await withUpdates(session, reply, 'all', false)
  } finally {
    if (!stored) for (const { writer } of staged) await discard(writer)
  }
}

/** The destination's id. A literal stays announced meanwhile, so an error must refuse it to stay in step. */
async function findTarget(session: AuthenticatedSession, use: AppendUse): Promise<string | null> {
  try {
    const folder = await findFolder(session.platform, session.state.owner.mailboxId, use.mailbox)
    return folder?.id ?? null
  } catch (error) {
    session.transport.input.refuseLiteral()
    throw error
  }
}

type Ending = { kind: 'complete'; segments: readonly Segment[] } | { kind: 'answered'; reply: Reply | null }

async function receiveMessages(
  session: AuthenticatedSession,
  first: LiteralAnnounced,
  firstUse: AppendUse,
  targetExists: boolean,
  staged: Staged[],
): Promise<Ending> {
  const { input, output } = session.transport
  let announced = first
  let use = firstUse
  for (;;) {
    const refusal = targetExists ? judge(session, announced, use, staged) : noSuchTarget
    if (refusal !== null) {
      input.refuseLiteral()
      return { kind: 'answered', reply: refusal }
    }
    input.acceptLiteral('stream')
    if (announced.synchronizing) {
      await output.write('+ Ready for the message\r\n')
      await output.flush()
    }
    const received = await receiveBody(session)
    if (received.kind === 'closed') return { kind: 'answered', reply: null }
    if (received.kind === 'staged') staged.push(received.staged)
    const event = await input.next()
    if (received.kind === 'unusable') {
      // Not before here can the answer be given: the connection stays in step.
      if (event.kind === 'literal-announced') input.refuseLiteral()
      return { kind: 'answered', reply: received.answer() }
    }
    if (event.kind === 'command') return { kind: 'complete', segments: event.segments }
    if (event.kind === 'closed') return { kind: 'answered', reply: null }
    if (event.kind !== 'literal-announced') return { kind: 'answered', reply: bad('Line too long') }
    const next = classifyLiteral(event, nameEncodingOf(session))
    if (next.kind !== 'append-message') {
      input.refuseLiteral()
      const reply = next.kind === 'fault' ? faultReply(next.fault) : bad('Unexpected literal')
      return { kind: 'answered', reply }
    }
    announced = event
    use = next
  }
}

/** Why the announced message cannot be taken; null when it can. Nothing of it has been sent yet. */
function judge(
  { platform }: AuthenticatedSession,
  { sizeBytes }: LiteralAnnounced,
  { messages }: AppendUse,
  staged: readonly Staged[],
): Reply | null {
  const message = messages.at(-1)
  const { messageBytesMax } = platform.config
  const before = staged.reduce((sum, { body }) => sum + body.sizeBytes, 0)
  if (message === undefined || message.data.utf8) return bad('UTF8 is not enabled') // RFC 6855 §4
  if (sizeBytes === 0) return no('CANNOT', 'A message cannot be empty')
  if (sizeBytes > messageBytesMax) return no('TOOBIG', `A message may have at most ${messageBytesMax} bytes`)
  if (
    messages.length > imapLimits.appendMessagesMax ||
    (staged.length > 0 && before + sizeBytes > imapLimits.appendBytesMax)
  ) {
    return no('LIMIT', 'Too many messages in one APPEND')
  }
  try {
    requireKeywords(message.flags.keywords)
    return null
  } catch (error) {
    if (error instanceof Refusal) return refusalReply(error)
    throw error
  }
}

/** `answer` throws the error that kept the message from being taken, when it is not the client's. */
type Unusable = { kind: 'unusable'; answer: () => Reply }
type Received = { kind: 'staged'; staged: Staged } | Unusable | { kind: 'closed' }

const hasNul: Unusable = { kind: 'unusable', answer: () => bad('A message cannot have NUL octets') }

/** Reads one literal to its end, also when it cannot be kept. */
async function receiveBody({ platform, transport }: AuthenticatedSession): Promise<Received> {
  const writer = createBodyWriter(platform)
  let unusable: Unusable | null = null
  let event = await transport.input.next()
  for (; event.kind === 'literal-chunk'; event = await transport.input.next()) {
    const { bytes } = event
    unusable ??= bytes.includes(0) ? hasNul : await attempt(() => writer.write(bytes))
  }
  if (unusable === null && event.kind === 'literal-end') {
    const staged: Staged[] = []
    unusable = await attempt(async () => void staged.push({ body: await writer.finish(), writer }))
    const [only] = staged
    if (only !== undefined) return { kind: 'staged', staged: only }
  }
  await discard(writer)
  return event.kind === 'literal-end' && unusable !== null ? unusable : { kind: 'closed' }
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

async function discard(writer: BodyWriter): Promise<void> {
  await writer.discard().catch(() => undefined) // the sweep takes what stays
}

/** Places the messages, all or none. */
async function storeAll(
  session: AuthenticatedSession,
  folderId: string,
  staged: readonly Staged[],
  segments: readonly Segment[],
): Promise<Reply> {
  const { platform } = session
  const { owner } = session.state
  const parsed = parseCommand(segments, nameEncodingOf(session))
  if (!parsed.ok) return faultReply(parsed)
  if (parsed.command.name !== 'APPEND') return bad('Expected an APPEND')
  const messages = toAppended(parsed.command.messages, staged, platform.clock.now())
  try {
    const stored = await transaction(platform.db, (tx) =>
      appendMessages(platform, tx, owner, folderId, messages),
    )
    return ok('APPEND completed', appendUid(stored))
  } catch (error) {
    if (error instanceof Refusal) return refusalReply(error, 'TRYCREATE')
    throw error
  }
}

function toAppended(
  messages: readonly AppendMessage[],
  staged: readonly Staged[],
  now: Date,
): AppendedMessage[] {
  return messages.flatMap(({ flags, internalDate }, at) => {
    const body = staged[at]?.body
    return body === undefined ? [] : [{ body, ...toFlagSet(flags), internalDate: internalDate ?? now }]
  })
}

/** APPENDUID, RFC 4315 §3. */
function appendUid(stored: readonly StoredMessage[]): string | null {
  const [first] = stored
  if (first === undefined) return null
  return `APPENDUID ${first.uidvalidity} ${encodeSequenceSet(stored.map((message) => message.uid))}`
}
