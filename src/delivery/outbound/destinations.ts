/** How destinations want to be treated: rules by domain, remembered until the event log tells of a change. */
import { type Selectable, sql } from 'kysely'
import { parseDomainName } from '../../domains/names.ts'
import { type Cache, createCache } from '../../platform/cache.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import type { DestinationRulesTable } from './tables.ts'

export type DestinationRule = {
  /** Connections that a node has open to it. */
  connectionsMax: number
  messagesPerConnectionMax: number
  /** RFC 5321 §4.5.3.1.8: every server takes 100. */
  recipientsPerMessageMax: number
  /** Of each node; null is no limit. */
  messagesPerMinuteMax: number | null
}

/** What holds where no row says otherwise. */
export const destinationDefaults: DestinationRule = {
  connectionsMax: 10,
  messagesPerConnectionMax: 100,
  recipientsPerMessageMax: 100,
  messagesPerMinuteMax: null,
}

/** A setting that is null here is the one of `*`, and there the program's default. */
export type DestinationSettings = { [K in keyof DestinationRule]: number | null }

/** The name of the rule for all domains without one of their own. */
export const everyDestination = '*'

/** The rule of a domain, or of a relay by its host name. */
export async function destinationRuleOf(platform: Platform, domain: string): Promise<DestinationRule> {
  const read = async (): Promise<DestinationRule> => {
    const { rows } = await sql<Selectable<DestinationRulesTable>>`
      select * from destination_rules where domain in (${domain}::text, ${everyDestination}::text)
      order by domain = ${everyDestination}::text desc`.execute(platform.db)
    return rows.map(settingsOf).reduce(overlaid, destinationDefaults)
  }
  return (await cacheOf(platform).load(domain, read)) ?? (await read())
}

function overlaid(rule: DestinationRule, settings: DestinationSettings): DestinationRule {
  return {
    connectionsMax: settings.connectionsMax ?? rule.connectionsMax,
    messagesPerConnectionMax: settings.messagesPerConnectionMax ?? rule.messagesPerConnectionMax,
    recipientsPerMessageMax: settings.recipientsPerMessageMax ?? rule.recipientsPerMessageMax,
    messagesPerMinuteMax: settings.messagesPerMinuteMax ?? rule.messagesPerMinuteMax,
  }
}

function settingsOf(row: Selectable<DestinationRulesTable>): DestinationSettings {
  return {
    connectionsMax: row.connections_max,
    messagesPerConnectionMax: row.messages_per_connection_max,
    recipientsPerMessageMax: row.recipients_per_message_max,
    messagesPerMinuteMax: row.messages_per_minute_max,
  }
}

export type DestinationReport = {
  domain: string
  /** What the row of this domain says; null without one. */
  settings: DestinationSettings | null
  effective: DestinationRule
}

/** @throws Refusal domain_invalid. */
export async function getDestination(platform: Platform, name: string): Promise<DestinationReport> {
  const domain = destinationName(name)
  const row = await platform.db
    .selectFrom('destination_rules')
    .selectAll()
    .where('domain', '=', domain)
    .executeTakeFirst()
  return {
    domain,
    settings: row ? settingsOf(row) : null,
    effective: await destinationRuleOf(platform, domain),
  }
}

/** Replaces the rule of a domain; null removes it. @throws Refusal domain_invalid. */
export async function putDestination(
  platform: Platform,
  tx: Tx,
  organizationId: string,
  name: string,
  settings: DestinationSettings | null,
): Promise<DestinationReport> {
  const domain = destinationName(name)
  if (settings === null) await tx.deleteFrom('destination_rules').where('domain', '=', domain).execute()
  else {
    const row = {
      domain,
      connections_max: settings.connectionsMax,
      messages_per_connection_max: settings.messagesPerConnectionMax,
      recipients_per_message_max: settings.recipientsPerMessageMax,
      messages_per_minute_max: settings.messagesPerMinuteMax,
      updated_at: platform.clock.now(),
    }
    await tx
      .insertInto('destination_rules')
      .values(row)
      .onConflict((conflict) => conflict.column('domain').doUpdateSet(row))
      .execute()
  }
  await appendEvents(platform, tx, [
    { type: 'destination_rule.updated', organizationId, workspaceId: null, data: { domain } },
  ])
  const inherited = domain === everyDestination ? null : await settingsIn(tx, everyDestination)
  const effective = [inherited, settings].flatMap((one) => one ?? []).reduce(overlaid, destinationDefaults)
  return { domain, settings, effective }
}

async function settingsIn(tx: Tx, domain: string): Promise<DestinationSettings | null> {
  const row = await tx
    .selectFrom('destination_rules')
    .selectAll()
    .where('domain', '=', domain)
    .executeTakeFirst()
  return row ? settingsOf(row) : null
}

function destinationName(text: string): string {
  if (text === everyDestination) return text
  const name = parseDomainName(text)
  if (name === null) throw new Refusal('domain_invalid', `"${text}" is neither a domain name nor *.`)
  return name
}

const cachedMax = 20_000
const cacheTtlMs = 60_000
const caches = new WeakMap<Platform, Cache<DestinationRule>>()

function cacheOf(platform: Platform): Cache<DestinationRule> {
  const existing = caches.get(platform)
  if (existing) return existing
  const cache = createCache<DestinationRule>({ entriesMax: cachedMax, ttlMs: cacheTtlMs })
  platform.bus.subscribe((event) => {
    if (event.type === 'destination_rule.updated') cache.clear()
  })
  caches.set(platform, cache)
  return cache
}
