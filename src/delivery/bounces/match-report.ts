/**
 * Whose mail a report is about. Anyone can send a report, so that it counts only when it names a message that the workspace
 * sent in the last days, and a recipient of it.
 */
import { sql } from 'kysely'
import { parseAddress } from '../../mailboxes/address.ts'
import type { Tx } from '../../platform/database.ts'
import { isId } from '../../platform/ids.ts'
import { decodeXtext } from './dsn-status.ts'

export type NamedMessage = {
  /** Without angle brackets. */
  messageId: string | null
  envid: string | null
}

export type SentRecipient = {
  id: string
  outbound_message_id: string
  organization_id: string
  workspace_id: string
  mailbox_id: string
  rcpt_to: string
  orcpt: string | null
  /** How many recipients the message has. */
  recipients: number
}

const daysMax = 30
const dayMs = 24 * 3600 * 1000
const recipientsMax = 1000

/**
 * The recipients that were sent a message and are named, locked until the transaction ends.
 * @param addresses null: nobody is named, which is enough for a message that had one recipient.
 */
export async function findSent(
  tx: Tx,
  workspaceId: string,
  { messageId, envid }: NamedMessage,
  addresses: readonly string[] | null,
  now: Date,
): Promise<SentRecipient[]> {
  const since = new Date(now.getTime() - daysMax * dayMs)
  const ids = messageId === null ? [] : [messageId, `<${messageId}>`]
  const envids = envid === null ? [] : [envid, decodeXtext(envid)]
  const named = (addresses ?? []).flatMap(canonical)
  const { rows } = await sql<SentRecipient>`
    select r.id, r.outbound_message_id, r.organization_id, r.workspace_id, r.mailbox_id, r.rcpt_to, r.orcpt,
      (select count(*) from outbound_recipients other where other.outbound_message_id = m.id)::int as recipients
    from outbound_messages m join outbound_recipients r on r.outbound_message_id = m.id
    where m.workspace_id = ${workspaceId}::uuid and m.created_at >= ${since}::timestamptz
      and (m.message_id = any(${ids}::text[]) or m.envid = any(${envids}::text[])
        or m.id = any(${envids.filter(isId)}::uuid[]))
      and r.state in ('sending', 'delivered')
      and (${addresses === null} or r.rcpt_to = any(${named}::text[]) or r.orcpt is not null)
    order by r.id limit ${recipientsMax}
    for update of r`.execute(tx)
  return rows.filter((row) => (addresses === null ? row.recipients === 1 : isNamed(row, addresses)))
}

/** Whether one of the addresses is the recipient's, or the one that it was sent to at first. */
export function isNamed(
  { rcpt_to, orcpt }: Pick<SentRecipient, 'rcpt_to' | 'orcpt'>,
  addresses: readonly string[],
): boolean {
  const own = [rcpt_to, ...originalAddress(orcpt)]
  return addresses.flatMap(canonical).some((address) => own.includes(address))
}

/** An address as the queue has it: a report may write it in another case. */
function canonical(text: string): string[] {
  const address = parseAddress(text)
  return address.ok ? [address.value.address, text] : []
}

/** RFC 3461 §4.2. */
function originalAddress(orcpt: string | null): string[] {
  return orcpt === null ? [] : canonical(decodeXtext(orcpt.slice(orcpt.indexOf(';') + 1)))
}
