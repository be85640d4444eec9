/** The plan of a domain: which DNS records it should have, so that its mail is found, believed and reported on. */
import type { DkimKey } from './dkim-keys.ts'
import { mailRecords } from './plan/mail.ts'
import type { DesiredRecord, PlanConfig, PlanDomain } from './plan/record.ts'
import { serviceRecords } from './plan/services.ts'
import { webRecords } from './plan/web.ts'
import { nameserversOf } from './zones/own-names.ts'

export type { DesiredRecord, RecordPurpose } from './plan/record.ts'

/**
 * All records of a domain, by its settings and its `dns_mode`: what we answer, what a driver writes, or what its owner
 * pastes.
 * @param keys those of dkimKeysOf.
 */
export function desiredRecords(
  config: PlanConfig,
  domain: PlanDomain,
  keys: readonly DkimKey[],
): DesiredRecord[] {
  return [
    ...nameserverRecords(config, domain),
    ...ownershipRecord(domain),
    ...mailRecords(config, domain, keys),
    ...webRecords(config, domain),
    ...serviceRecords(config, domain),
  ]
}

function nameserverRecords(config: PlanConfig, domain: PlanDomain): DesiredRecord[] {
  if (domain.dns_mode !== 'served') return []
  return nameserversOf(config, domain.workspace_id).map((value) => ({
    purpose: 'nameservers',
    type: 'NS',
    name: domain.name,
    value,
    level: 'required',
  }))
}

/** A delegation to our name servers proves as much, except where it may be left over from another workspace. */
function ownershipRecord({
  name,
  dns_mode: mode,
  zone_held: isHeld,
  ownership_token: token,
}: PlanDomain): DesiredRecord[] {
  if (mode === 'served' && !isHeld) return []
  return [
    {
      purpose: 'ownership',
      type: 'TXT',
      name: `_mailwright.${name}`,
      value: `mailwright-verification=${token}`,
      level: 'required',
    },
  ]
}
