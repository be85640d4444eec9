/** How a mailbox looks: with its person, its standing and what it is logged in with. */
import { type Static, Type } from 'typebox'
import { mayViewCredentials, type Scope } from '../../accounts/principals.ts'
import { publicUrl } from '../../delivery/bounces/unsubscribe.ts'
import type { Caller } from '../../mailboxes/callers.ts'
import { countStandings, mailboxesInDomains } from '../../mailboxes/mailbox-sets.ts'
import { scheduledInDomains } from '../../mailboxes/scheduled/scheduled-mailboxes.ts'
import type { ScheduledMailbox } from '../../mailboxes/scheduled/tables.ts'
import { type Secrets, viewSecrets } from '../../mailboxes/secrets.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import type { Db } from '../../platform/database.ts'
import { Nullable, OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { transact } from '../transact.ts'
import { Moment } from './schemas.ts'
import { type MailboxStatus, mailboxStatus, mailboxStatuses } from './statuses.ts'

export const MailboxView = Type.Object(
  {
    id: Type.String(),
    username: Type.String({ description: 'Left of the @.' }),
    email: Type.String(),
    firstName: Type.String(),
    lastName: Type.String(),
    status: OneOf(mailboxStatuses),
    profilePicture: Nullable(
      Type.String(),
      'Where it is; it is given to who has a key of this server, as a bearer token.',
    ),
    domain: Type.String(),
    domainId: Type.String(),
    appPassword: Nullable(
      Type.String(),
      'For mail programs. Null also for a key that may see no credentials.',
    ),
    password: Nullable(Type.String(), 'Null for a key that may see no credentials.'),
    secret: Nullable(
      Type.String(),
      'Of the one-time codes, base32 in groups of four. Null also for a key that may see no credentials.',
    ),
    isWarmedUp: Type.Literal(false),
    assignedOn: Nullable(Moment, 'Since when its first period runs.'),
    expireOn: Nullable(Moment, 'The end of its present period.'),
    createdAt: Moment,
  },
  { title: 'Mailbox' },
)

export type MailboxView = Static<typeof MailboxView>

/**
 * Those in these domains that are not deleted (what can be restored is gone for this API's clients), and behind them those
 * that are made later. By domain, the oldest first; a domain that has none has no entry.
 */
export async function mailboxViewsOf(
  platform: Platform,
  caller: Caller,
  domainIds: readonly string[],
): Promise<Map<string, MailboxView[]>> {
  if (domainIds.length === 0) return new Map()
  const rows = await mailboxesInDomains(platform.db, caller.scope, domainIds)
  const scheduled =
    caller.scope.mailboxId === null ? await scheduledInDomains(platform.db, caller.scope, domainIds) : []
  const views = [...(await mailboxViews(platform, caller, rows)), ...scheduled.map(scheduledView)]
  return Map.groupBy(views, ({ domainId }) => domainId)
}

/** The views of mailboxes of the caller's workspace, in their order. */
export async function mailboxViews(
  platform: Platform,
  caller: Caller,
  mailboxes: readonly Mailbox[],
): Promise<MailboxView[]> {
  const secrets = await secretsFor(platform, caller, mailboxes)
  return mailboxes.map((mailbox) => mailboxView(platform, mailbox, secrets.get(mailbox.id) ?? null))
}

async function secretsFor(
  platform: Platform,
  caller: Caller,
  mailboxes: readonly Mailbox[],
): Promise<Map<string, Secrets>> {
  if (mailboxes.length === 0 || !mayViewCredentials(caller.scope)) return new Map()
  const ids = mailboxes.map(({ id }) => id)
  return await transact(platform, caller, (tx) => viewSecrets(platform, tx, caller.scope, ids))
}

/** @param secrets null where the caller may not see them. */
export function mailboxView(platform: Platform, mailbox: Mailbox, secrets: Secrets | null): MailboxView {
  const { id, address } = mailbox
  return {
    id,
    ...nameParts(address),
    email: address,
    firstName: mailbox.first_name ?? '',
    lastName: mailbox.last_name ?? '',
    status: mailboxStatus(mailbox),
    profilePicture: mailbox.picture_sha256 === null ? null : pictureAddress(platform, id),
    domainId: mailbox.domain_id,
    appPassword: secrets?.appPassword ?? null,
    password: secrets?.password ?? null,
    secret: inGroups(secrets?.totpSecret ?? null),
    isWarmedUp: false,
    assignedOn: mailbox.period_anchor_at?.toISOString() ?? null,
    expireOn: mailbox.period_ends_at?.toISOString() ?? null,
    createdAt: mailbox.created_at.toISOString(),
  }
}

/** One that is made later, or could not be made when its time had come. */
export function scheduledView(scheduled: ScheduledMailbox): MailboxView {
  const { id, address } = scheduled
  return {
    id,
    ...nameParts(address),
    email: address,
    firstName: scheduled.first_name ?? '',
    lastName: scheduled.last_name ?? '',
    status: scheduled.failed_at === null ? 'SCHEDULED' : 'FAILED',
    profilePicture: null,
    domainId: scheduled.domain_id,
    appPassword: null,
    password: null,
    secret: null,
    isWarmedUp: false,
    assignedOn: null,
    expireOn: null,
    createdAt: scheduled.created_at.toISOString(),
  }
}

export function nameParts(address: string): { username: string; domain: string } {
  const at = address.lastIndexOf('@')
  return { username: address.slice(0, at), domain: address.slice(at + 1) }
}

/** Where the picture of a mailbox is, if it has one. */
export function pictureAddress(platform: Platform, mailboxId: string): string {
  return `${publicUrl(platform)}/v1/mailboxes/${mailboxId}/picture`
}

/** As authenticator apps show it: they, and we, read it in any case and with blanks. */
function inGroups(secret: string | null): string | null {
  return secret?.toLowerCase().replace(/.{4}(?=.)/g, '$& ') ?? null
}

/** How many mailboxes that are not deleted the workspace has, by their standing. */
export async function countStatuses(
  db: Db,
  scope: Scope,
  products: readonly Mailbox['product'][],
): Promise<Map<MailboxStatus, number>> {
  const counts = new Map<MailboxStatus, number>()
  for (const { count, ...standing } of await countStandings(db, scope, products)) {
    const status = mailboxStatus(standing)
    counts.set(status, (counts.get(status) ?? 0) + count)
  }
  return counts
}
