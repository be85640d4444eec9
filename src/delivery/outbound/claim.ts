/**
 * Claiming: a node takes recipients that are due, a few of every domain in turn, so that no destination, however much
 * waits for it, keeps another one waiting (decision 0024). What it takes is `sending` under its id.
 */
import { sql } from 'kysely'
import type { Db } from '../../platform/database.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import type { ArcRecord, OutboundKind } from './tables.ts'

export type ClaimedMessage = {
  id: string
  organizationId: string
  workspaceId: string
  mailboxId: string
  bodyId: string
  kind: OutboundKind
  mailFrom: string
  smtputf8: boolean
  skipBytes: number
  sizeBytes: number
  signingDomain: string | null
  ret: 'full' | 'hdrs' | null
  envid: string | null
  requireTls: boolean
  arc: ArcRecord | null
}

export type ClaimedRecipient = {
  id: string
  rcptTo: string
  domain: string
  /** Made so far. */
  attempts: number
  expiresAt: Date
  notify: string | null
  orcpt: string | null
  delayNotified: boolean
}

/** Recipients of one message at one domain: they are sent in one transaction. */
export type Job = { message: ClaimedMessage; recipients: ClaimedRecipient[] }

export type ClaimRequest = {
  nodeId: string
  now: Date
  /** The walk over the domains goes on after this one. */
  after: string
  /** At most so many recipients, and those that their messages have at the same domain. */
  rowsMax: number
  /** Of each domain that `rooms` does not name. */
  rowsPerDomain: number
  /** Of these domains so many; 0 leaves a domain out. */
  rooms: ReadonlyMap<string, number>
}

export type Claim = {
  jobs: Job[]
  rows: number
  /** Where the next walk goes on; empty at the end of the round. */
  cursor: string
}

/** Domains that one walk looks at, those with nothing due included. */
const domainsPerWalk = 250

type Row = {
  walked: string | null
  last: string | null
  steps: number
  id: string | null
  outbound_message_id: string
  organization_id: string
  workspace_id: string
  mailbox_id: string
  rcpt_to: string
  domain: string
  attempts: number
  expires_at: Date
  notify: string | null
  orcpt: string | null
  delay_notified: boolean
  body_id: string
  kind: OutboundKind
  mail_from: string
  smtputf8: boolean
  skip_bytes: number
  size_bytes: number
  signing_domain: string | null
  ret: 'full' | 'hdrs' | null
  envid: string | null
  require_tls: boolean
  arc: ArcRecord | null
}

export async function claimDue(db: Db, request: ClaimRequest): Promise<Claim> {
  const { nodeId, now, after, rowsMax, rowsPerDomain, rooms } = request
  // From domain to domain by the index, whatever lies between (a loose scan); then the oldest of each.
  const { rows } = await sql<Row>`/* prepared claim_outbound */
    with recursive walk (domain, step) as (
      (select domain, 1 from outbound_recipients where state = 'queued' and domain > ${after}::text
        order by domain limit 1)
      union all
      select next.domain, step + 1 from walk, lateral (
        select domain from outbound_recipients r where r.state = 'queued' and r.domain > walk.domain
        order by r.domain limit 1
      ) as next
      where step < ${domainsPerWalk}::int
    ), picked as (
      select due.id, due.outbound_message_id, due.domain
      from walk left join unnest(${[...rooms.keys()]}::text[], ${[...rooms.values()]}::int[]) as known (domain, room)
          on known.domain = walk.domain,
        lateral (
          select id, outbound_message_id, domain from outbound_recipients r
          where r.state = 'queued' and r.domain = walk.domain and r.next_attempt_at <= ${now}::timestamptz
          order by next_attempt_at, id limit coalesce(known.room, ${rowsPerDomain}::int) for update skip locked
        ) as due
      limit ${rowsMax}::int
    ), mates as (
      select r.id from outbound_recipients r join (select distinct outbound_message_id, domain from picked) as taken
        using (outbound_message_id, domain)
      where r.state = 'queued' and r.next_attempt_at <= ${now}::timestamptz
      for update of r skip locked
    ), claimed as (
      update outbound_recipients set state = 'sending', node_id = ${nodeId}::uuid
      where id in (select id from picked union select id from mates)
      returning *
    )
    select (select max(domain) from walk) as walked, (select max(domain) from picked) as last, (select count(*)::int from walk) as steps, claimed.id,
      outbound_message_id, claimed.organization_id, claimed.workspace_id, claimed.mailbox_id, rcpt_to, domain, attempts,
      expires_at, notify, orcpt, delay_notified, body_id, kind, mail_from, smtputf8, skip_bytes, size_bytes,
      signing_domain, ret, envid, require_tls, arc
    from (values (1)) as once left join claimed on true left join outbound_messages m on m.id = outbound_message_id
    order by next_attempt_at, claimed.id`.execute(db)
  const [first] = rows
  const found = rows.filter((row) => row.id !== null)
  return {
    jobs: jobsOf(found),
    rows: found.length,
    // Cut short it goes on behind the last domain that had its turn.
    cursor:
      (found.length >= rowsMax ? first?.last : (first?.steps ?? 0) < domainsPerWalk ? '' : first?.walked) ??
      '',
  }
}

function jobsOf(rows: readonly Row[]): Job[] {
  const jobs = new Map<string, Job>()
  for (const row of rows) {
    const key = `${row.outbound_message_id} ${row.domain}`
    const job = jobs.get(key) ?? { message: messageOf(row), recipients: [] }
    jobs.set(key, job)
    job.recipients.push({
      id: row.id ?? '',
      rcptTo: row.rcpt_to,
      domain: row.domain,
      attempts: row.attempts,
      expiresAt: row.expires_at,
      notify: row.notify,
      orcpt: row.orcpt,
      delayNotified: row.delay_notified,
    })
  }
  return [...jobs.values()]
}

function messageOf(row: Row): ClaimedMessage {
  return {
    id: row.outbound_message_id,
    organizationId: row.organization_id,
    workspaceId: row.workspace_id,
    mailboxId: row.mailbox_id,
    bodyId: row.body_id,
    kind: row.kind,
    mailFrom: row.mail_from,
    smtputf8: row.smtputf8,
    skipBytes: row.skip_bytes,
    sizeBytes: row.size_bytes,
    signingDomain: row.signing_domain,
    ret: row.ret,
    envid: row.envid,
    requireTls: row.require_tls,
    arc: row.arc,
  }
}

/** When the next recipient is due; null when nothing is queued. */
export async function nextDue(db: Db): Promise<Date | null> {
  const { rows } = await sql<{ at: Date | null }>`/* prepared next_outbound_due */
    select min(next_attempt_at) as at from outbound_recipients where state = 'queued'`.execute(db)
  return rows[0]?.at ?? null
}

/** Gives back what was claimed and not begun. */
export async function giveBack(db: Db, nodeId: string, recipientIds: readonly string[]): Promise<void> {
  await sql`update outbound_recipients set state = 'queued', node_id = null
    where id = any(${uuidArray(recipientIds)}) and state = 'sending' and node_id = ${nodeId}::uuid`.execute(
    db,
  )
}
