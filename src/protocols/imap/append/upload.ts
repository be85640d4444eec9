/**
 * The messages of one APPEND or REPLACE while they are put together: octets go into the store as they come, and the
 * messages get their places when the command ends.
 *   part by part -> message finished -> the next one ... -> all placed, or all discarded
 */
import { encodeBinaryParts } from '../../../messages/binary-parts.ts'
import { type BodyWriter, createBodyWriter, type StagedBody } from '../../../messages/bodies.ts'
import type { Platform } from '../../../platform/platform.ts'
import { no, type Reply } from '../reply.ts'
import type { AuthenticatedSession } from '../session.ts'
import type { AppendData, CatenatePart } from '../syntax/commands.ts'

type Staged = { body: StagedBody; writer: BodyWriter }

/** The message that is being put together. */
export type OpenMessage = {
  writer: BodyWriter
  partsDone: number
  /** It has NUL octets, which not every message may have. */
  hasNul: boolean
}

export type Upload = {
  readonly session: AuthenticatedSession
  /** Finished messages, in their order. */
  readonly staged: Staged[]
  open: OpenMessage | null
}

export function createUpload(session: AuthenticatedSession): Upload {
  return { session, staged: [], open: null }
}

/** The message in hand, begun if there is none. */
export function openMessage(upload: Upload): OpenMessage {
  upload.open ??= { writer: createBodyWriter(upload.session.platform), partsDone: 0, hasNul: false }
  return upload.open
}

/** Octets of the finished messages. */
export function stagedBytes({ staged }: Upload): number {
  return staged.reduce((sum, { body }) => sum + body.sizeBytes, 0)
}

/** A message of one literal is a part alone. */
export function partsOf(data: AppendData): readonly CatenatePart[] {
  return data.kind === 'catenate' ? data.parts : [{ ...data, kind: 'text' }]
}

/** The message in hand has all its parts. @returns why it cannot be stored. */
export async function finishMessage(upload: Upload, { writer, hasNul }: OpenMessage): Promise<Reply | null> {
  const { platform } = upload.session
  if (writer.sizeBytes === 0) return no('CANNOT', 'A message cannot be empty')
  const body = await writer.finish()
  const staged = hasNul ? await withoutNul(platform, { body, writer }) : { body, writer }
  if (staged === null) return no('UNKNOWN-CTE', 'NUL octets are outside of parts in binary encoding')
  upload.staged.push(staged)
  upload.open = null
  return null
}

async function withoutNul(platform: Platform, staged: Staged): Promise<Staged | null> {
  const encoded = await encodeBinaryParts(platform, staged.body)
  if (encoded !== null) await discard(staged.writer)
  return encoded
}

/** Forgets all messages: none of them was placed. */
export async function discardUpload(upload: Upload): Promise<void> {
  for (const { writer } of upload.staged) await discard(writer)
  if (upload.open !== null) await discard(upload.open.writer)
}

async function discard(writer: BodyWriter): Promise<void> {
  await writer.discard().catch(() => undefined) // the sweep takes what stays
}
