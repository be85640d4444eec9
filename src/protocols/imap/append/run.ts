/** The way of an APPEND or REPLACE: its destination, its messages, its place in one transaction. */
import type { AppendedMessage } from '../../../messages/append.ts'
import type { StoredMessage } from '../../../messages/store.ts'
import { Refusal } from '../../../platform/errors.ts'
import { toFlagSet } from '../flag-set.ts'
import { bad, faultReply, type Reply, refusalReply } from '../reply.ts'
import { type AuthenticatedSession, nameEncodingOf } from '../session.ts'
import type { AppendMessage, UploadCommand } from '../syntax/commands.ts'
import type { LiteralAnnounced } from '../syntax/framing.ts'
import { parseCommand } from '../syntax/parse-command.ts'
import { encodeSequenceSet } from '../syntax/sequence-set.ts'
import { advance } from './assemble.ts'
import { beforeLiteral, receiveMessages } from './receive.ts'
import { createUpload, discardUpload, type Upload } from './upload.ts'

/** Stores the messages, all or none. */
export type Place = (messages: readonly AppendedMessage[]) => Promise<Reply>

/** Looks at everything but the messages. @returns why they cannot be taken, or how they will be stored. */
export type Prepare = () => Promise<{ place: Place } | { refusal: Reply }>

/** A command without literals: its messages are made of URLs (RFC 4469). */
export async function storeUrls(
  session: AuthenticatedSession,
  { messages }: UploadCommand,
  prepare: Prepare,
): Promise<Reply> {
  const prepared = await prepare()
  if ('refusal' in prepared) return prepared.refusal
  return await withUpload(session, async (upload) => await finish(upload, messages, prepared.place))
}

/** A command whose first literal of a message is announced. @returns null when the client is gone. */
export async function storeLiterals(
  session: AuthenticatedSession,
  announced: LiteralAnnounced,
  command: UploadCommand,
  prepare: Prepare,
): Promise<Reply | null> {
  return await withUpload(session, async (upload) => {
    const prepared = await beforeLiteral(upload, prepare)
    if ('refusal' in prepared) {
      session.transport.input.refuseLiteral()
      return prepared.refusal
    }
    const ending = await receiveMessages(upload, { announced, command })
    if (ending.kind === 'answered') return ending.reply
    const parsed = parseCommand(ending.segments, nameEncodingOf(session))
    if (!parsed.ok) return faultReply(parsed)
    if (parsed.command.name !== command.name) return bad(`Expected ${command.name}`)
    const { messages } = parsed.command
    return await finish(upload, messages, prepared.place)
  })
}

async function withUpload<R extends Reply | null>(
  session: AuthenticatedSession,
  work: (upload: Upload) => Promise<R>,
): Promise<R> {
  const upload = createUpload(session)
  let stored = false
  try {
    const reply = await work(upload)
    stored = reply?.condition === 'OK'
    return reply
  } finally {
    if (!stored) await discardUpload(upload)
  }
}

async function finish(upload: Upload, messages: readonly AppendMessage[], place: Place): Promise<Reply> {
  const refusal = await advance(upload, messages, false)
  if (refusal !== null) return refusal
  try {
    return await place(toAppended(upload, messages))
  } catch (error) {
    if (error instanceof Refusal) return refusalReply(error, 'TRYCREATE')
    throw error
  }
}

function toAppended({ session, staged }: Upload, messages: readonly AppendMessage[]): AppendedMessage[] {
  const now = session.platform.clock.now()
  return staged.flatMap(({ body }, at) => {
    const message = messages[at]
    if (message === undefined) return []
    return [{ body, ...toFlagSet(message.flags), internalDate: message.internalDate ?? now }]
  })
}

/** APPENDUID, RFC 4315 §3. */
export function appendUid(stored: readonly StoredMessage[]): string | null {
  const [first] = stored
  if (first === undefined) return null
  return `APPENDUID ${first.uidvalidity} ${encodeSequenceSet(stored.map((message) => message.uid))}`
}
