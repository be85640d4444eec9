/**
 * CATENATE's URLs, RFC 4469 §3: octets of a message that is here already are copied, unchanged and a chunk at a time,
 * and no \Seen is set. A URL names a message of this server and of this user.
 */
import { parseAddress } from '../../../mailboxes/address.ts'
import { findRoute } from '../../../mailboxes/routing.ts'
import { readBodies } from '../../../messages/bodies-read.ts'
import { findFolder } from '../../../messages/folders.ts'
import { readMessages } from '../../../messages/view.ts'
import { needsStructure, openSection, type SectionOctets } from '../fetch/sections.ts'
import { no, type Reply } from '../reply.ts'
import { type AuthenticatedSession, isSelected } from '../session.ts'
import { type MessageUrl, parseMessageUrl } from '../syntax/imap-url.ts'
import { isMailboxName, type MailboxName } from '../syntax/mailbox-name.ts'
import { judgeSize } from './judge.ts'
import { openMessage, type Upload } from './upload.ts'

/** @returns why the octets cannot be added to the message in hand, one of `messageCount`. */
export async function addUrl(upload: Upload, url: string, messageCount: number): Promise<Reply | null> {
  const { session } = upload
  const message = openMessage(upload)
  const parsed = parseMessageUrl(url, await selectedFolder(session))
  const octets = parsed === null ? null : await openUrl(session, parsed)
  if (octets === null) return no(`BADURL ${encodeUrl(url)}`, 'The URL names nothing that can be read')
  const refusal = judgeSize(upload, octets.sizeBytes, messageCount)
  if (refusal !== null) return refusal
  for await (const piece of octets.pieces) {
    message.hasNul ||= piece.includes(0)
    await message.writer.write(piece)
  }
  return null
}

/** RFC 4469 §3: what relative URLs are relative to. It may have been renamed since it was selected. */
async function selectedFolder(session: AuthenticatedSession): Promise<MailboxName | null> {
  if (!isSelected(session)) return null
  const { mailboxId, folderId } = session.state.view
  const folder = await session.platform.db
    .selectFrom('folders')
    .select('path')
    .where('mailbox_id', '=', mailboxId)
    .where('id', '=', folderId)
    .executeTakeFirst()
  return folder !== undefined && isMailboxName(folder.path) ? folder.path : null
}

/** null when there is no such message or section, or it is not ours to read. */
async function openUrl(session: AuthenticatedSession, url: MessageUrl): Promise<SectionOctets | null> {
  const { platform } = session
  const { mailboxId } = session.state.owner
  if (!(await isOwn(session, url.server))) return null
  const folder = await findFolder(platform, mailboxId, url.mailbox)
  if (folder === null) return null
  if (url.uidvalidity !== null && url.uidvalidity !== folder.uidvalidity) return null
  const ranges = [{ first: url.uid, last: url.uid }]
  const options = { parts: needsStructure(url.section) ? 'structure' : 'none', afterUid: 0 } as const
  const [row] = await readMessages(platform.db, mailboxId, folder.id, ranges, options)
  if (row === undefined) return null
  const body = (await readBodies(platform.db, [row.body_id])).get(row.body_id)
  return body === undefined ? null : await openSection(body, row.structure, url.section, url.partial)
}

async function isOwn(session: AuthenticatedSession, server: MessageUrl['server']): Promise<boolean> {
  if (server === null) return true
  const { config, ports } = session.platform
  if (server.host !== config.hostname) return false
  if (server.port !== null && server.port !== ports.imap && server.port !== ports.imaps) return false
  if (server.user === null) return true
  const address = parseAddress(server.user)
  const route = address.ok ? await findRoute(session.platform, address.value) : null
  return route?.mailboxId === session.state.owner.mailboxId
}

/** url-resp-text = 1*(any TEXT-CHAR except "]"), RFC 4469 §5. What a URL cannot hold anyway is percent-encoded. */
function encodeUrl(url: string): string {
  const percentEncoded = (char: string): string =>
    `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
  return (
    Buffer.from(url, 'utf8')
      .toString('latin1')
      .replace(/[^!-\\^-~]/g, percentEncoded) || '%20'
  )
}
