/**
 * DKIM keys change without a gap: the next key is made in the free selector (`pending`) and published; when it can be
 * found it signs (`active`); the one before signs no more (`retired`), stays in DNS for mail that is on its way, and goes.
 * That happens by itself where we publish the keys; an owner who pastes them starts it.
 */
import { sql } from 'kysely'
import { requireWrite, type Scope } from '../accounts/principals.ts'
import { type Tx, transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { addJobs } from '../platform/jobs.ts'
import type { Platform } from '../platform/platform.ts'
import type { Look } from './checks/look.ts'
import { type DkimKey, dkimKeysOf, dkimSelectors, newKey, selectorSlots } from './dkim-keys.ts'
import { type Domain, getDomain } from './domains.ts'
import { isSandboxName } from './names.ts'
import { hasDkimByCname } from './plan/mail.ts'
import type { DkimAlgorithm } from './tables.ts'
import { touchZones } from './zones/serial.ts'

declare module '../platform/jobs.ts' {
  interface JobTypes {
    /** One domain's next keys. */
    'domains.rotate_dkim_keys': { domain_id: string }
    /** Those whose turn it is, and the removal of keys that are done with. */
    'domains.rotate_due_dkim_keys': Record<string, never>
  }
}

declare module '../platform/events.ts' {
  interface EventTypes {
    'domain.dkim_rotation_started': { domain_id: string; name: string; selectors: string[] }
    /** The next keys sign; those before are still in DNS. */
    'domain.dkim_keys_activated': { domain_id: string; name: string; selectors: string[]; retired: string[] }
    'domain.dkim_keys_removed': { domain_id: string; name: string; selectors: string[] }
  }
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs

export const rotationPolicy = {
  /** The age of a key that is replaced. */
  everyMs: 180 * dayMs,
  /** How long a key that signs no more stays in DNS: senders retry for five days (RFC 5321 §4.5.4.1). */
  overlapMs: 7 * dayMs,
  /** How long a key that we publish is there before it signs: two TTLs, for secondaries and for those who remember that there was none. */
  publishedForMs: 2 * hourMs,
  domainsPerRun: 500,
} as const

/**
 * A caller asks for new keys, which a job makes.
 * @returns the keys as they are now.
 * @throws Refusal domain_not_found, domain_state_conflict (keys of the last time are still on their way), forbidden.
 */
export async function requestRotation(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
): Promise<DkimKeyDates[]> {
  requireWrite(scope)
  const domain = await getDomain(platform, scope, ref, tx)
  if (isSandboxName(domain.name)) {
    throw new Refusal('domain_state_conflict', `${domain.name} is a sandbox: nobody looks for its keys.`)
  }
  const keys = await datedKeysOf(tx, domain.id)
  if (keys.some(({ state }) => state !== 'active')) {
    throw new Refusal(
      'domain_state_conflict',
      `The keys of ${domain.name} are being changed: one waits for its record, or one before is still in DNS.`,
    )
  }
  await addRotationJobs(tx, [domain.id])
  return keys
}

async function addRotationJobs(tx: Tx, domainIds: readonly string[]): Promise<void> {
  await addJobs(
    tx,
    domainIds.map((id) => ({
      name: 'domains.rotate_dkim_keys' as const,
      payload: { domain_id: id },
      key: `domains.rotate_dkim_keys:${id}`,
      queue: 'dkim_keys',
    })),
  )
}

export type DkimKeyDates = DkimKey & { created_at: Date; activated_at: Date | null; retired_at: Date | null }

/** The keys of a domain with their dates. */
export async function datedKeysOf(db: Platform['db'], domainId: string): Promise<DkimKeyDates[]> {
  return await db
    .selectFrom('dkim_keys')
    .select(['algorithm', 'selector', 'public_key', 'state', 'created_at', 'activated_at', 'retired_at'])
    .where('domain_id', '=', domainId)
    .orderBy('selector', 'desc')
    .execute()
}

/** Makes the next keys of a domain, in the selectors that are free. Does nothing while keys are being changed. */
export async function startRotation(platform: Platform, domainId: string): Promise<void> {
  const present = await dkimKeysOf(platform.db, domainId)
  if (present.length === 0 || present.some(({ state }) => state !== 'active')) return
  const made = await Promise.all(present.map(({ algorithm }) => newKey(platform, algorithm)))
  await transaction(platform.db, async (tx) => {
    const domain = await tx
      .selectFrom('domains')
      .selectAll()
      .where('id', '=', domainId)
      .where('state', '<>', 'deleted')
      .forUpdate()
      .executeTakeFirst()
    if (!domain) return
    const keys = await dkimKeysOf(tx, domainId)
    if (keys.some(({ state }) => state !== 'active')) return
    const now = platform.clock.now()
    const rows = made.map((key) => ({
      ...key,
      selector: freeSelector(key.algorithm, keys),
      domain_id: domainId,
      state: 'pending' as const,
      created_at: now,
      activated_at: null,
    }))
    await tx.insertInto('dkim_keys').values(rows).execute()
    // Its records are looked for now, and not only when their turn comes.
    await tx
      .updateTable('domain_checks')
      .set({ due_at: new Date(now.getTime() + publishedForMs(platform, domain)) })
      .where('domain_id', '=', domainId)
      .execute()
    await touchZones(platform, tx, [domainId])
    const { of, is } = subjectOf(domain)
    const selectors = rows.map(({ selector }) => selector)
    await appendEvents(platform, tx, [
      { type: 'domain.dkim_rotation_started', ...of, data: { ...is, selectors } },
    ])
  })
}

function freeSelector(algorithm: DkimAlgorithm, keys: readonly DkimKey[]): string {
  const taken = new Set(keys.map(({ selector }) => selector))
  const [first, second] = selectorSlots[algorithm]
  return taken.has(first) ? second : first
}

/** A key that its owner pastes is at the name servers or it is not; one that we publish is given time. */
function publishedForMs({ config }: Platform, domain: Pick<Domain, 'dns_mode'>): number {
  return domain.dns_mode === 'served' || hasDkimByCname(config, domain) ? rotationPolicy.publishedForMs : 0
}

/**
 * Lets the next keys sign whose records a look has found. In a zone of ours, where the delegation is right, they are
 * found by definition.
 */
export async function activateSeenKeys(
  platform: Platform,
  tx: Tx,
  domain: Domain,
  look: Look,
): Promise<void> {
  const pending = (await datedKeysOf(tx, domain.id)).filter(({ state }) => state === 'pending')
  const now = platform.clock.now()
  const readyBefore = now.getTime() - publishedForMs(platform, domain)
  const found = pending.filter(
    ({ selector, created_at: createdAt }) =>
      createdAt.getTime() <= readyBefore && isSeen(domain, selector, createdAt, look),
  )
  if (found.length === 0) return
  const { rows: retired } = await sql<{ selector: string }>`
    update dkim_keys set state = 'retired', retired_at = ${now}
    where domain_id = ${domain.id}::uuid and state = 'active'
      and algorithm = any(${found.map(({ algorithm }) => algorithm)}::text[])
    returning selector`.execute(tx)
  await sql`update dkim_keys set state = 'active', activated_at = ${now}
    where domain_id = ${domain.id}::uuid and selector = any(${found.map(({ selector }) => selector)}::text[])`.execute(
    tx,
  )
  await touchZones(platform, tx, [domain.id])
  const { of, is } = subjectOf(domain)
  await appendEvents(platform, tx, [
    {
      type: 'domain.dkim_keys_activated',
      ...of,
      data: {
        ...is,
        selectors: found.map(({ selector }) => selector),
        retired: retired.map(({ selector }) => selector),
      },
    },
  ])
}

function isSeen(domain: Domain, selector: string, createdAt: Date, { delegation, records }: Look): boolean {
  if (domain.dns_mode === 'served' && delegation.state === 'ours') return true
  return records.some(
    ({ purpose, name, status, checkedAt }) =>
      purpose === 'dkim' &&
      status === 'valid' &&
      name.startsWith(`${selector}.`) &&
      checkedAt !== null &&
      Date.parse(checkedAt) >= createdAt.getTime(),
  )
}

/** Begins what is due, and removes keys whose overlap is over. */
export async function rotateDueKeys(platform: Platform): Promise<void> {
  const now = platform.clock.now().getTime()
  const [agedBefore, retiredBefore] = [rotationPolicy.everyMs, rotationPolicy.overlapMs].map(
    (ms) => new Date(now - ms),
  )
  await transaction(platform.db, async (tx) => {
    // By itself only where the next key can be found without the owner: in our zone, by a driver, or through our aliases.
    const { rows } = await sql<{ id: string }>`
      select d.id from domains d left join domain_checks c on c.domain_id = d.id
      where d.state = 'active' and d.name not like '%.test'
        and exists (select 1 from dkim_keys where domain_id = d.id and state = 'active' and activated_at < ${agedBefore})
        and not exists (select 1 from dkim_keys where domain_id = d.id and state <> 'active')
        and (d.dns_mode = 'driven' or (d.dns_mode = 'served' and c.delegated_since is not null)
          or (select count(*) from jsonb_array_elements(c.records) as r where r ->> 'purpose' = 'dkim'
            and r ->> 'type' = 'CNAME' and r ->> 'status' = 'valid') = ${dkimSelectors.length})
      order by d.id limit ${rotationPolicy.domainsPerRun}`.execute(tx)
    await addRotationJobs(
      tx,
      rows.map(({ id }) => id),
    )
  })
  await transaction(platform.db, async (tx) => {
    const { rows } = await sql<{ domain_id: string; selectors: string[] }>`
      with gone as (
        delete from dkim_keys where id in (
          select id from dkim_keys where state = 'retired' and retired_at < ${retiredBefore}
          order by id limit ${rotationPolicy.domainsPerRun} for update skip locked
        ) returning domain_id, selector
      ) select domain_id, array_agg(selector) as selectors from gone group by domain_id`.execute(tx)
    const domains = await tx
      .selectFrom('domains')
      .selectAll()
      .where(sql<boolean>`id = any(${rows.map((row) => row.domain_id)}::uuid[])`)
      .execute()
    await touchZones(
      platform,
      tx,
      domains.map(({ id }) => id),
    )
    await appendEvents(
      platform,
      tx,
      domains.map((domain) => {
        const { of, is } = subjectOf(domain)
        const selectors = rows.find((row) => row.domain_id === domain.id)?.selectors ?? []
        return { type: 'domain.dkim_keys_removed' as const, ...of, data: { ...is, selectors } }
      }),
    )
  })
}

function subjectOf(domain: Domain) {
  return {
    of: { organizationId: domain.organization_id, workspaceId: domain.workspace_id },
    is: { domain_id: domain.id, name: domain.name },
  }
}
