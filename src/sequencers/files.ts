/** The files of exports: CSV in the columns that each sequencer imports (RFC 4180), with the passwords of the moment. */
import { sql } from 'kysely'
import { requireCredentialsRight, requireWrite, type Scope } from '../accounts/principals.ts'
import { type CsvLine, csvText, guarded } from '../platform/csv-text.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import type { MailboxAccount } from './driver.ts'
import { type Export, getExport } from './export-pages.ts'
import { type FileForm, fileForms, genericForm, rowsPerFile } from './file-forms.ts'
import { wantedMailboxes } from './wanted.ts'

export type ExportFile = { name: string; text: string; parts: number }

/**
 * A file of an export, from 1. Each look at a password is noted. Mailboxes that cannot be exported any more are left out.
 * @throws Refusal export_not_found, export_file_not_found, forbidden.
 */
export async function exportFile(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  part: number,
): Promise<ExportFile> {
  requireWrite(scope)
  requireCredentialsRight(scope)
  const found = await getExport(platform, scope, ref, tx)
  if (found.method !== 'file') {
    throw new Refusal('export_file_not_found', 'It is brought to the sequencer by its API.')
  }
  const rows = rowsPerFile(found.platform)
  const parts = Math.max(1, Math.ceil(found.done / rows))
  if (part > parts) throw new Refusal('export_file_not_found', `It has ${parts} files.`)
  const ids = await idsOf(tx, found.id, (part - 1) * rows, rows)
  const settings = await settingsOf(tx, found)
  const mailboxes = await wantedMailboxes(platform, tx, ids, settings)
  const seen = ids.map((id) => mailboxes.get(id)).filter((one) => one !== undefined && one.account !== null)
  await appendEvents(
    platform,
    tx,
    seen.map(({ id, address }) => ({
      type: 'mailbox.credentials_viewed' as const,
      organizationId: found.organization_id,
      workspaceId: found.workspace_id,
      mailboxId: id,
      data: { mailbox_id: id, address, by: scope.actor },
    })),
  )
  const accounts = seen.map(({ account }) => account)
  const suffix = parts === 1 ? '' : `-part-${part}-of-${parts}`
  return {
    name: `${found.platform}-${found.id}${suffix}.csv`,
    text: fileText(formOf(found), accounts),
    parts,
  }
}

function formOf({ platform }: Export): FileForm {
  return fileForms[platform] ?? genericForm
}

/** The file as text. Names are guarded against spreadsheets' formulas; nothing else is altered. */
export function fileText(form: FileForm, accounts: readonly MailboxAccount[]): string {
  const columns = Object.entries(form)
  const lines: CsvLine[] = accounts.map((account) =>
    columns.map(([, { value, isName }]) => {
      const cell = value(account)
      return isName === true && typeof cell === 'string' ? guarded(cell) : cell
    }),
  )
  return csvText([columns.map(([name]) => name), ...lines], true)
}

/** By their place among those that are in the files. */
async function idsOf(tx: Tx, exportId: string, offset: number, limit: number): Promise<string[]> {
  const { rows } = await sql<{ mailbox_id: string }>`
    select mailbox_id from export_items where export_id = ${exportId}::uuid and state = 'done'
    order by position offset ${offset} limit ${limit}`.execute(tx)
  return rows.map(({ mailbox_id }) => mailbox_id)
}

async function settingsOf(tx: Tx, { sequencer_id: id }: Export) {
  if (id === null) return {}
  const row = await tx.selectFrom('sequencers').select('settings').where('id', '=', id).executeTakeFirst()
  return row?.settings ?? {}
}
