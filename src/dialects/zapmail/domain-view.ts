/** Domains as lists show them, with what is set for them and their mailboxes. */
import { type Static, Type } from 'typebox'
import type { SeenRecord } from '../../domains/checks/tables.ts'
import { wantedNameservers } from '../../domains/nameservers.ts'
import type { RecordPurpose } from '../../domains/plan/record.ts'
import type { Caller } from '../../mailboxes/callers.ts'
import { forwardingOfDomains } from '../../mailboxes/domain-forwarding.ts'
import type { DomainOverview } from '../../mailboxes/domain-overviews.ts'
import { Nullable, OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { MailboxView, mailboxViewsOf } from './mailbox-view.ts'
import { Moment, pageOutput } from './schemas.ts'
import { domainStatuses, domainStatusOf } from './statuses.ts'
import { TagView, tagView } from './tags.ts'

const Address = Nullable(Type.String())

export const DomainView = Type.Object(
  {
    id: Type.String(),
    workspaceId: Type.String(),
    domain: Type.String(),
    status: OneOf(domainStatuses, 'PENDING: it is not active, for whatever reason.'),
    createdAt: Moment,
    updatedAt: Moment,
    registeredOn: Nullable(Moment, 'Null: it was not bought here.'),
    expireOn: Nullable(Moment, 'Null: it was not bought here.'),
    autoRenew: Type.Boolean(),
    nameServers: Type.Array(Type.String(), { description: 'Those that the zone above had.' }),
    expectedNameServers: Type.Unsafe<string[] | null>({
      type: ['array', 'null'],
      items: { type: 'string' },
      description: 'Null: its owner keeps its DNS.',
    }),
    dnsBoxInvalidNameServers: Type.Boolean({ description: 'They were seen, and are others.' }),
    dnsAuthenticationInProgress: Type.Boolean({ description: 'It waits for name servers or records.' }),
    forwardTo: Nullable(Type.String(), 'Where browsers are sent.'),
    forwardToAddedOnReseller: Type.Boolean({ description: 'Its records are there.' }),
    maskForwarding: Type.Literal(false),
    dmarcEmail: Address,
    dmarcEmailAddedToReseller: Type.Boolean({ description: 'The DMARC record is there.' }),
    forwardingEmail: Address,
    forwardingEmailAdded: Type.Boolean(),
    catchAllEmail: Address,
    catchAllEmailAdded: Type.Boolean(),
    dnsShieldEnabled: Type.Literal(false),
    isWarmedUp: Type.Literal(false),
    isaftermarket: Type.Literal(false),
    assignedMailboxesCount: Type.String({ description: 'A number as text.' }),
    mailboxes: Type.Array(MailboxView),
    tags: Type.Array(TagView),
  },
  { title: 'Domain' },
)

export const DomainPageView = Type.Object(
  { ...pageOutput, domains: Type.Array(DomainView) },
  { title: 'DomainPage' },
)

/** The views of a page, in its order; what stands beside the rows is read in sets. */
export async function domainViews(
  platform: Platform,
  caller: Caller,
  overviews: readonly DomainOverview[],
): Promise<Static<typeof DomainView>[]> {
  const ids = overviews.map(({ domain }) => domain.id)
  const [mailboxes, forwarding] = await Promise.all([
    mailboxViewsOf(platform, caller, ids),
    forwardingOfDomains(platform.db, ids),
  ])
  return overviews.map((overview) =>
    domainView(platform, overview, {
      mailboxes: mailboxes.get(overview.domain.id) ?? [],
      forwarding: forwarding.get(overview.domain.id) ?? null,
    }),
  )
}

function domainView(
  platform: Platform,
  overview: DomainOverview,
  { mailboxes, forwarding }: { mailboxes: Static<typeof MailboxView>[]; forwarding: string | null },
): Static<typeof DomainView> {
  const { domain, check, registration, tags, catchAll } = overview
  const expected = wantedNameservers(platform, domain)
  const delegation = check?.delegation ?? null
  return {
    id: domain.id,
    workspaceId: domain.workspace_id,
    domain: domain.name,
    status: domainStatusOf[domain.state],
    createdAt: domain.created_at.toISOString(),
    updatedAt: domain.updated_at.toISOString(),
    registeredOn: registration?.registered_at?.toISOString() ?? null,
    expireOn: registration?.expires_at?.toISOString() ?? null,
    autoRenew: registration?.auto_renew ?? false,
    nameServers: delegation?.nameservers.map(({ name }) => name) ?? [],
    expectedNameServers: expected.length === 0 ? null : expected,
    dnsBoxInvalidNameServers:
      expected.length > 0 && delegation !== null && !['ours', 'unanswered'].includes(delegation.state),
    dnsAuthenticationInProgress: ['pending_nameservers', 'pending_records'].includes(domain.state),
    forwardTo: domain.redirect_url,
    forwardToAddedOnReseller: domain.redirect_url !== null && isThere(overview, 'web'),
    maskForwarding: false,
    dmarcEmail: domain.dmarc_report_address,
    dmarcEmailAddedToReseller: domain.dmarc_report_address !== null && isThere(overview, 'dmarc'),
    forwardingEmail: forwarding,
    forwardingEmailAdded: forwarding !== null,
    catchAllEmail: catchAll,
    catchAllEmailAdded: catchAll !== null,
    dnsShieldEnabled: false,
    isWarmedUp: false,
    isaftermarket: false,
    assignedMailboxesCount: String(overview.mailboxes),
    mailboxes,
    tags: tags.map(tagView),
  }
}

/**
 * Whether all records of a purpose were there when they were last asked for. A sandbox is not in DNS: its are, once it is
 * active.
 */
export function isThere(
  { domain, check }: Pick<DomainOverview, 'domain' | 'check'>,
  purpose: RecordPurpose,
): boolean {
  if (check === null) return domain.state === 'active'
  const records: readonly SeenRecord[] = check.records.filter((record) => record.purpose === purpose)
  return records.length > 0 && records.every(({ status }) => status === 'valid')
}
