/** Mailboxes written as CSV, a page at a time, so that a million of them need the memory of one page. */

import { requireCredentialsRight, requireWrite, type Scope } from '../accounts/principals.ts'
import type { MailServer } from '../domains/mail-servers.ts'
import { nameActor } from '../platform/actors.ts'
import { type CsvLine, csvText } from '../platform/csv-text.ts'
import { transaction } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { clientServers } from './credentials.ts'
import { credentialColumns, exportColumns, joinTags } from './csv.ts'
import { listMailboxes, type MailboxFilter, subject } from './mailboxes.ts'
import { openPassword } from './passwords.ts'
import type { Mailbox } from './tables.ts'

export type ExportOptions = {
  /** With passwords and servers: every look is noted, as that at one mailbox is. */
  withCredentials: boolean
  /** Values as they are, also those that a spreadsheet would take for formulas. */
  raw: boolean
}

const pageRows = 500

/**
 * The file in pieces, the first with the names of the columns. A piece is made when the one before it was taken.
 * @throws Refusal domain_not_found, forbidden (a read-only key or an app password sees no password), with the first piece.
 */
export async function* exportMailboxes(
  platform: Platform,
  scope: Scope,
  filter: MailboxFilter,
  { withCredentials, raw }: ExportOptions,
): AsyncGenerator<string> {
  if (withCredentials) {
    requireWrite(scope)
    requireCredentialsRight(scope)
  }
  let header: CsvLine[] = [[...exportColumns, ...(withCredentials ? credentialColumns : [])]]
  for (let after: string | null = null; ; ) {
    const page: { rows: Mailbox[]; nextCursor: string | null } = await listMailboxes(
      platform,
      scope,
      filter,
      { limit: pageRows, after },
    )
    const more = withCredentials ? await credentialsOf(platform, scope, page.rows) : []
    const lines = page.rows.map((mailbox, at) => [...detailsOf(mailbox), ...(more[at] ?? [])])
    yield csvText([...header, ...lines], raw)
    header = []
    after = page.rows.at(-1)?.id ?? null
    if (page.nextCursor === null) return
  }
}

function detailsOf(mailbox: Mailbox): CsvLine {
  return [
    mailbox.address,
    mailbox.display_name,
    mailbox.first_name,
    mailbox.last_name,
    joinTags(mailbox.tags),
    mailbox.service,
    mailbox.state,
    mailbox.created_at.toISOString(),
  ]
}

/** Passwords are read and the looks written down in one transaction, before anything is shown. */
async function credentialsOf(
  platform: Platform,
  scope: Scope,
  mailboxes: readonly Mailbox[],
): Promise<CsvLine[]> {
  if (mailboxes.length === 0) return []
  const sealed = await transaction(platform.db, async (tx) => {
    nameActor(tx, scope.actor)
    const ids = mailboxes.map(({ id }) => id)
    const rows = await tx
      .selectFrom('mailbox_passwords')
      .select(['mailbox_id', 'sealed_password'])
      .where('mailbox_id', 'in', ids)
      .where('name', '=', 'primary')
      .execute()
    const found = new Map(rows.map((row) => [row.mailbox_id, row.sealed_password]))
    await appendEvents(
      platform,
      tx,
      mailboxes
        .filter(({ id }) => found.has(id))
        .map((mailbox) => ({
          type: 'mailbox.credentials_viewed' as const,
          ...subject(mailbox),
          data: { mailbox_id: mailbox.id, address: mailbox.address, by: scope.actor },
        })),
    )
    return found
  })
  return mailboxes.map(({ id, service }) => {
    const password = sealed.get(id)
    const { imap, smtp } = clientServers(platform, service)
    const servers = [...serverCells(imap), ...serverCells(smtp)]
    return [password ? openPassword(platform.vault, id, password) : null, ...servers]
  })
}

function serverCells(server: MailServer | null): CsvLine {
  return server ? [server.host, server.port, server.security] : [null, null, null]
}
