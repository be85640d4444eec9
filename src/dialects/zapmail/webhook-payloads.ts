/** The payloads of webhooks: of many events at once, with what they are about read in sets. */
import { type KnownDomain, readKnownDomains, readManyMailboxes } from '../../mailboxes/many-mailboxes.ts'
import type { Db } from '../../platform/database.ts'
import type { LoggedEvent } from '../../platform/event-log.ts'
import { numberOfId } from '../../platform/id-numbers.ts'
import type { Platform } from '../../platform/platform.ts'
import { type KnownItem, readManyExportItems } from '../../sequencers/many-exports.ts'
import { platformNames } from '../../sequencers/platforms.ts'
import type { FormattedPayload, HeardEvent } from '../../webhooks/formats.ts'
import { namesOf } from './account.ts'
import { appOf } from './export-apps.ts'
import { domainStatusOf, statusOfState } from './statuses.ts'
import { sourcesOf, type WebhookEventType, webhookEventTypes } from './webhook-events.ts'

const apiVersion = '2026-07-01'
/** Mailboxes of an export that are told of with it. */
const itemsMax = 1000

type Mailboxes = Awaited<ReturnType<typeof readManyMailboxes>>
type Known = {
  domains: ReadonlyMap<string, KnownDomain>
  mailboxes: Mailboxes
  items: ReadonlyMap<string, KnownItem[]>
}

/** As the format of webhooks has it. */
export async function payloadsOf(
  _platform: Platform,
  db: Db,
  heard: readonly HeardEvent[],
): Promise<(FormattedPayload | null)[]> {
  const known = await readKnown(
    db,
    heard.map(({ event }) => event),
  )
  return heard.map(({ event, webhook }) => {
    const type = typeFor(event, webhook.eventTypes, known)
    const data = type === null ? null : dataOf(event, type, known)
    if (type === null || data === null) return null
    const created = Math.floor(event.created_at.getTime() / 1000)
    const payload = { id: `evt_${event.id}`, type, created, api_version: apiVersion, data }
    return { type, payload: JSON.stringify(payload) }
  })
}

async function readKnown(db: Db, events: readonly LoggedEvent[]): Promise<Known> {
  const mailboxes = await readManyMailboxes(db, idsIn(events, 'mailbox_id'))
  const ofMailboxes = [...mailboxes.values()].map(({ domain_id: id }) => id)
  const domains = await readKnownDomains(db, [...new Set([...idsIn(events, 'domain_id'), ...ofMailboxes])])
  return { domains, mailboxes, items: await readManyExportItems(db, idsIn(events, 'export_id'), itemsMax) }
}

function idsIn(events: readonly LoggedEvent[], name: string): string[] {
  return [...new Set(events.flatMap(({ data }) => textIn(data, name) ?? []))]
}

/** How a domain that was registered elsewhere is being connected; of other states nothing is told. */
const connections: Readonly<Record<string, string>> = {
  pending_nameservers: 'NS_NOT_CHANGED',
  pending_records: 'CREATING_ZONE',
  active: 'SUCCESS',
  failed: 'FAILED',
}

/** Which of the types that are asked for an event is; an event is told once. */
function typeFor(event: LoggedEvent, wanted: readonly string[], { domains }: Known): WebhookEventType | null {
  const candidates = webhookEventTypes.filter(
    (type) => wanted.includes(type) && sourcesOf(type).includes(event.type),
  )
  if (event.type === 'export.completed') {
    const type = hasArrived(event.data) ? 'export.completed' : 'export.failed'
    return candidates.find((one) => one === type) ?? null
  }
  if (event.type !== 'domain.state_changed') return candidates[0] ?? null
  const states = ['from', 'to'].map((name) => textIn(event.data, name) ?? '')
  const isRegistered = domains.get(textIn(event.data, 'domain_id') ?? '')?.isRegistered ?? true
  const isConnecting =
    !isRegistered && states.some((state) => state.startsWith('pending_')) && connections[states[1] ?? '']
  const type = isConnecting ? 'domain.connection_status_changed' : 'domain.updated'
  return candidates.find((one) => one === type) ?? candidates.find((one) => one === 'domain.updated') ?? null
}

function dataOf(event: LoggedEvent, type: WebhookEventType, known: Known): object | null {
  if (type.startsWith('domain.')) return domainData(event, type, known)
  if (type === 'mailbox.updated') return mailboxData(event, known)
  return type.startsWith('export.') ? exportData(event, known) : subscriptionData(event)
}

function domainData({ data }: LoggedEvent, type: WebhookEventType, { domains }: Known): object | null {
  const domain = domains.get(textIn(data, 'domain_id') ?? '')
  if (!domain) return null
  const [from, to] = [textIn(data, 'from'), textIn(data, 'to') ?? textIn(data, 'state') ?? domain.state]
  const isConnection = type === 'domain.connection_status_changed'
  const statusOf = (state: string): string | null =>
    isConnection ? (connections[state] ?? null) : statusIn(domainStatusOf, state)
  return {
    domainDetails: {
      id: domain.id,
      domain: domain.name,
      status: statusOf(to),
      ...(isConnection ? { domainStatus: statusIn(domainStatusOf, to) } : {}),
      assignedMailboxesCount: String(domain.mailboxes),
    },
    previousState: from === null ? {} : { status: statusOf(from) },
  }
}

function mailboxData({ data }: LoggedEvent, { mailboxes, domains }: Known): object | null {
  const mailbox = mailboxes.get(textIn(data, 'mailbox_id') ?? '')
  if (!mailbox) return null
  const from = textIn(data, 'from')
  const state = textIn(data, 'to') ?? textIn(data, 'state') ?? mailbox.state
  const at = mailbox.address.lastIndexOf('@')
  const shown = namesOf(mailbox.display_name ?? '')
  const isMove = from !== null && from in statusOfState // of a rename it is an address
  return {
    mailboxDetails: {
      id: mailbox.id,
      username: mailbox.address.slice(0, at),
      email: mailbox.address,
      firstName: mailbox.first_name ?? shown.firstName,
      lastName: mailbox.last_name ?? shown.lastName,
      domain: domains.get(mailbox.domain_id)?.name ?? mailbox.address.slice(at + 1),
      domainId: mailbox.domain_id,
      status: statusIn(statusOfState, state) ?? statusOfState[mailbox.state],
    },
    previousState: isMove ? { status: statusIn(statusOfState, from) } : {},
  }
}

function exportData({ type, data }: LoggedEvent, { items }: Known): object | null {
  const id = textIn(data, 'export_id')
  const platform = platformNames.find((name) => name === textIn(data, 'platform'))
  if (id === null || platform === undefined) return null
  const rows = items.get(id) ?? []
  const failed = rows.find(({ state }) => state === 'failed')
  const status = type === 'export.created' ? 'STARTED' : hasArrived(data) ? 'COMPLETED' : 'FAILED'
  return {
    export_id: numberOfId(id),
    app_name: appOf(platform),
    export_status: status,
    mailboxes: rows.map(({ mailbox_id, address, state, error }) => ({
      id: mailbox_id,
      email: address,
      status: state.toUpperCase(),
      error: state === 'failed' ? error : null,
    })),
    error: failed ? `${failed.address}: ${failed.error || failed.error_kind}` : null,
  }
}

function hasArrived(data: unknown): boolean {
  return ['done', 'skipped'].some((name) => Number(Object(data)[name]) > 0)
}

const subscriptionStatuses: Readonly<Record<string, string>> = {
  'billing.subscription_cancellation_scheduled': 'CANCELLED',
  'billing.subscription_canceled': 'CANCELLED',
}

/** Clients look for it under two names. */
function subscriptionData({ type, data }: LoggedEvent): object | null {
  const id = textIn(data, 'subscription_id')
  if (id === null) return null
  const isUnpaid = textIn(data, 'reason') === 'unpaid'
  const details = {
    id,
    subscriptionId: `sub_${id}`,
    plan: (textIn(data, 'plan') ?? '').toUpperCase(),
    status: isUnpaid ? 'EXPIRED' : (subscriptionStatuses[type] ?? 'ACTIVE'),
    state: textIn(data, 'state'),
    billingCycle: (textIn(data, 'period') ?? '').toUpperCase(),
    periodEnd: textIn(data, 'period_ends_at'),
  }
  const isBilling = ['billing.subscription_changed', 'billing.subscription_renewed'].includes(type)
  return {
    subscription_id: details.subscriptionId,
    ...(isBilling ? { changes: changesIn(data, details) } : {}),
    subscriptionDetails: details,
    subscription: details,
  }
}

/** What it is now; what it was is not kept, and prices are not part of the event. */
function changesIn(data: unknown, { plan, billingCycle }: { plan: string; billingCycle: string }): object {
  const extra: unknown = Object(data).extra_slots
  return {
    plan: { current: plan },
    billingCycle: { current: billingCycle },
    addonMailboxes: { current: typeof extra === 'number' ? extra : 0 },
  }
}

function statusIn(statuses: Readonly<Record<string, string>>, state: string): string | null {
  return statuses[state] ?? null
}

function textIn(data: unknown, name: string): string | null {
  const value: unknown = typeof data === 'object' && data !== null ? Reflect.get(data, name) : null
  return typeof value === 'string' ? value : null
}
