/** The payloads of webhooks: of many events at once, with their domains and mailboxes read in sets. */
import { organizationNames } from '../../accounts/organizations.ts'
import { type ManyDomain, readManyDomains } from '../../domains/many-domains.ts'
import { wantedNameservers } from '../../domains/nameservers.ts'
import { type ManyMailbox, readManyMailboxes } from '../../mailboxes/many-mailboxes.ts'
import { readSecrets } from '../../mailboxes/secrets.ts'
import type { Db } from '../../platform/database.ts'
import type { LoggedEvent } from '../../platform/event-log.ts'
import { member, textOf } from '../../platform/json-members.ts'
import type { Platform } from '../../platform/platform.ts'
import type { FormattedPayload, HeardEvent } from '../../webhooks/formats.ts'
import { tldOf } from './domain-view.ts'
import { platformOf, propagationOf } from './mailbox-states.ts'
import { cancellationOf } from './mailbox-view.ts'
import { domainChange, mailboxChange, type StatusChange, subjectsOf } from './webhook-statuses.ts'

/** As the format of webhooks has it. The secrets of mailboxes are not in them yet. */
export async function payloadsOf(
  platform: Platform,
  db: Db,
  heard: readonly HeardEvent[],
): Promise<(FormattedPayload | null)[]> {
  const events = heard.map(({ event }) => event)
  const { domainIds, mailboxIds } = subjectsOf(events)
  const domains = await readManyDomains(db, domainIds)
  const mailboxes = await readManyMailboxes(db, mailboxIds)
  const teams = await organizationNames(
    db,
    events.map((event) => event.organization_id),
  )
  return events.map((event) => {
    const team = teams.get(event.organization_id) ?? ''
    const domain = domains.get(textOf(event.data, 'domain_id'))
    const mailbox = mailboxes.get(textOf(event.data, 'mailbox_id'))
    if (domain !== undefined) {
      const change = domainChange(event)
      if (change !== null)
        return payload('domain.status_changed', event, team, domainData(platform, domain, change))
    } else if (mailbox !== undefined) {
      const change = mailboxChange(event, mailbox)
      if (change !== null) return payload('mailbox.status_changed', event, team, mailboxData(mailbox, change))
    }
    return null
  })
}

/** Puts the secrets of its mailbox into what goes out; what has none, or is gone, has null in their place. */
export async function completed(platform: Platform, db: Db, kept: string): Promise<string> {
  const body: unknown = JSON.parse(kept)
  const data = member(body, 'data')
  const mailbox = member(data, 'mailbox')
  if (typeof mailbox !== 'object' || mailbox === null) return kept
  const id = textOf(mailbox, 'uid')
  const owner = { workspaceId: textOf(member(data, 'metadata'), 'workspace_id'), mailboxId: null }
  const secrets = (await readSecrets(platform, db, owner, [id])).get(id)
  if (secrets === undefined) return kept
  const { password, appPassword: app_password, totpSecret: secret } = secrets
  Object.assign(mailbox, { password, app_password, secret })
  return JSON.stringify(body)
}

function payload(type: string, event: LoggedEvent, team: string, data: object): FormattedPayload {
  const envelope = {
    event: type,
    timestamp: event.created_at.toISOString(),
    team_id: event.organization_id,
    team_name: team,
    workspace_id: event.workspace_id,
    data,
  }
  return { type, payload: JSON.stringify(envelope) }
}

function domainData(platform: Platform, domain: ManyDomain, { status, previous }: StatusChange): object {
  return {
    domain: {
      uid: domain.id,
      name: domain.name,
      tld: tldOf(domain.name),
      status,
      previous_status: previous,
      dns_propagation_status: propagationOf(domain.state),
      nameservers: wantedNameservers(platform, domain),
      renewal_date: domain.expires_at?.toISOString() ?? null,
      renewal_status: 'na',
      registration_years: 1,
    },
    metadata: {
      workspace_id: domain.workspace_id,
      domain_name: domain.name,
      updated_at: domain.updated_at.toISOString(),
    },
  }
}

function mailboxData(mailbox: ManyMailbox, { status, previous }: StatusChange): object {
  const { address } = mailbox
  return {
    mailbox: {
      uid: mailbox.id,
      email: address,
      username: address.slice(0, address.lastIndexOf('@')),
      first_name: mailbox.first_name ?? '',
      last_name: mailbox.last_name ?? '',
      profile_picture: null,
      platform: platformOf(mailbox),
      status,
      previous_status: previous,
      domain_name: mailbox.domain_name,
      is_admin: false,
      forwarding_email: mailbox.forwards_to[0] ?? '',
      tags: mailbox.tags,
      mailbox_update_status: 'na',
      mailbox_cancellation_status: cancellationOf(mailbox),
      dns_propagation_status: propagationOf(mailbox.domain_state),
      renewal_date: mailbox.period_ends_at?.toISOString() ?? null,
      renewal_status: mailbox.unpaid_since === null ? 'na' : 'failed',
      renewal_cycle: mailbox.period,
      password: null,
      app_password: null,
      secret: null,
    },
    metadata: {
      workspace_id: mailbox.workspace_id,
      domain_name: mailbox.domain_name,
      updated_at: mailbox.updated_at.toISOString(),
    },
  }
}
