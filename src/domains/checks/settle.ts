/** A look is written down, with what it leads to, in one transaction. */
import type { Tx } from '../../platform/database.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { activateSeenKeys } from '../dkim-rotation.ts'
import { type Domain, moveDomain } from '../domains.ts'
import { touchZones } from '../zones/serial.ts'
import { type Decision, decide } from './decide.ts'
import type { Look } from './look.ts'
import { standingOf, storedCheck, storeLooks } from './store.ts'

/** What stands on the floors above, or belongs to another part, and is done in the same transaction. */
export type LookHooks = {
  onActive(tx: Tx, domainId: string): Promise<void>
  /** Records of an active domain are not what they were: whoever drives its DNS host puts them back. */
  onDrift?(tx: Tx, domainId: string): Promise<void>
}

/**
 * @param looked the domain as it was when the look began. One that was changed or removed meanwhile is only looked at
 * again.
 * @returns the domain as it is now; null when it is gone.
 */
export async function settleLook(
  platform: Platform,
  tx: Tx,
  looked: Domain,
  look: Look,
  hooks: LookHooks,
): Promise<Domain | null> {
  const domain = await lockDomain(tx, looked.id)
  if (domain === null) return null
  if (domain.settings_version !== looked.settings_version) {
    await tx
      .updateTable('domain_checks')
      .set({ due_at: platform.clock.now() })
      .where('domain_id', '=', domain.id)
      .execute()
    return domain
  }
  const decision = decide(platform.config, domain, standingOf(await storedCheck(tx, domain.id)), look)
  await storeLooks(tx, [{ domainId: domain.id, look, decision }])
  await applyDecision(platform, tx, domain, decision, hooks)
  await activateSeenKeys(platform, tx, domain, look)
  return await lockDomain(tx, domain.id)
}

async function lockDomain(tx: Tx, id: string): Promise<Domain | null> {
  const domain = await tx
    .selectFrom('domains')
    .selectAll()
    .where('id', '=', id)
    .where('state', '<>', 'deleted')
    .forUpdate()
    .executeTakeFirst()
  return domain ?? null
}

/** Whether there is more to do than to write the look down. */
export function hasConsequences({ moveTo, releasesHold, adoptsMode, drifted }: Decision): boolean {
  return moveTo !== null || releasesHold || adoptsMode || drifted.length > 0
}

async function applyDecision(
  platform: Platform,
  tx: Tx,
  domain: Domain,
  { moveTo, releasesHold, adoptsMode, drifted }: Decision,
  hooks: LookHooks,
): Promise<void> {
  if (moveTo !== null) await moveDomain(platform, tx, domain, moveTo)
  if (moveTo === 'active') await hooks.onActive(tx, domain.id)
  if (releasesHold) {
    await tx.updateTable('domains').set({ zone_held: false }).where('id', '=', domain.id).execute()
  }
  if (adoptsMode && domain.pending_dns_mode !== null) {
    await tx
      .updateTable('domains')
      .set({
        dns_mode: domain.pending_dns_mode,
        pending_dns_mode: null,
        settings_version: domain.settings_version + 1,
        updated_at: platform.clock.now(),
      })
      .where('id', '=', domain.id)
      .execute()
  }
  if (releasesHold || adoptsMode) await touchZones(platform, tx, [domain.id])
  if (drifted.length === 0) return
  await appendEvents(platform, tx, [
    {
      type: 'domain.records_drifted',
      organizationId: domain.organization_id,
      workspaceId: domain.workspace_id,
      data: {
        domain_id: domain.id,
        name: domain.name,
        records: drifted.map(({ purpose, type, name, value, status, seen }) => ({
          purpose,
          type,
          name,
          value,
          status,
          seen,
        })),
      },
    },
  ])
  await hooks.onDrift?.(tx, domain.id)
}
