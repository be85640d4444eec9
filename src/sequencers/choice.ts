/** Which mailboxes a call means: named ones, or those that a filter selects. */
import { sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import { parseAddress } from '../mailboxes/address.ts'
import { listMailboxes, type MailboxFilter } from '../mailboxes/mailboxes.ts'
import type { Tx } from '../platform/database.ts'
import { type FieldProblem, Refusal } from '../platform/errors.ts'
import { isId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { sequencerPolicy } from './policy.ts'

export type ChosenMailbox = { id: string; address: string }

/** refs: ids and addresses. */
export type Choice = { refs: readonly string[] } | { filter: MailboxFilter }

/**
 * The mailboxes, each once, in the order in which they are named, or the oldest first.
 * @throws Refusal mailbox_not_found (with each that is unknown), domain_not_found, invalid_request (too many, or none).
 */
export async function chooseMailboxes(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  choice: Choice,
): Promise<ChosenMailbox[]> {
  const chosen =
    'refs' in choice
      ? await named(tx, scope, choice.refs)
      : await filtered(platform, tx, scope, choice.filter)
  if (chosen.length === 0) throw new Refusal('invalid_request', 'No mailbox is chosen.')
  if (chosen.length > sequencerPolicy.mailboxesPerExportMax) throw tooMany()
  return chosen
}

function tooMany(): Refusal {
  return new Refusal(
    'invalid_request',
    `More than ${sequencerPolicy.mailboxesPerExportMax} mailboxes are chosen.`,
  )
}

async function named(tx: Tx, scope: Scope, refs: readonly string[]): Promise<ChosenMailbox[]> {
  if (refs.length > sequencerPolicy.mailboxesPerExportMax) throw tooMany()
  const keys = refs.map((ref) => {
    const parsed = ref.includes('@') ? parseAddress(ref) : null
    return parsed?.ok ? parsed.value.address : isId(ref) ? ref.toLowerCase() : null
  })
  const ids = keys.filter((key) => key !== null && !key.includes('@'))
  const addresses = keys.filter((key) => key?.includes('@'))
  const { rows } = await sql<ChosenMailbox & { named: string }>`
    select mailboxes.id, mailboxes.address, mailboxes.id::text as named from mailboxes
    where workspace_id = ${scope.workspaceId}::uuid and state <> 'deleted' and id = any(${uuidArray(ids)})
    union all
    select mailboxes.id, mailboxes.address, addresses.address from addresses
      join mailboxes on mailboxes.id = addresses.mailbox_id
    where mailboxes.workspace_id = ${scope.workspaceId}::uuid and mailboxes.state <> 'deleted'
      and addresses.address = any(${addresses}::text[])`.execute(tx)
  const found = new Map(rows.map((row) => [row.named, row]))
  const chosen = new Map<string, ChosenMailbox>()
  const unknown: FieldProblem[] = []
  for (const [index, key] of keys.entries()) {
    const row = key === null ? undefined : found.get(key)
    if (row) chosen.set(row.id, { id: row.id, address: row.address })
    else if (unknown.length < unknownTold)
      unknown.push({ pointer: `/mailboxes/${index}`, detail: 'is no mailbox of this workspace' })
  }
  if (unknown.length > 0) throw new Refusal('mailbox_not_found', undefined, { fields: unknown })
  return [...chosen.values()]
}

/** Of mailboxes that are not found, how many a refusal names. */
const unknownTold = 100

const pageRows = 1000

async function filtered(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  filter: MailboxFilter,
): Promise<ChosenMailbox[]> {
  const chosen: ChosenMailbox[] = []
  for (let after: string | null = null; ; ) {
    const page: Awaited<ReturnType<typeof listMailboxes>> = await listMailboxes(
      platform,
      scope,
      filter,
      { limit: pageRows, after },
      tx,
    )
    chosen.push(...page.rows.map(({ id, address }) => ({ id, address })))
    after = page.rows.at(-1)?.id ?? null
    if (page.nextCursor === null || chosen.length > sequencerPolicy.mailboxesPerExportMax) return chosen
  }
}
