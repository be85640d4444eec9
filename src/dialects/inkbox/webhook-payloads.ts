/** The payloads of webhooks: of many events at once, with their messages, texts, contexts and identities read in sets. */
import { recipientsOf, sentCopies } from '../../delivery/outbound/sent-copies.ts'
import { type AddressIdentity, identitiesOfAddresses } from '../../mailboxes/identities-of-addresses.ts'
import { type ManyMessage, readManyMessages } from '../../messages/many-messages.ts'
import type { Db } from '../../platform/database.ts'
import type { LoggedEvent } from '../../platform/event-log.ts'
import type { Platform } from '../../platform/platform.ts'
import type { FormattedPayload, HeardEvent } from '../../webhooks/formats.ts'
import { prefixedId } from './ids.ts'
import { type ContextWanted, readContexts } from './webhook-context.ts'
import { type Told, toldBy } from './webhook-events.ts'
import { areLookedUp, identityView, messageView, namedIn, type WebhookMessage } from './webhook-message.ts'
import { contextOf } from './webhook-settings.ts'
import { readTexts } from './webhook-texts.ts'

/** An event with its message. */
type Known = { event: LoggedEvent; told: Told; message: ManyMessage }

/** As the format of webhooks has it. */
export async function payloadsOf(
  platform: Platform,
  db: Db,
  heard: readonly HeardEvent[],
): Promise<(FormattedPayload | null)[]> {
  const known = await readKnown(
    db,
    heard.filter(({ event, webhook }) => {
      const told = toldBy(event)
      return told !== null && webhook.eventTypes.includes(told.type)
    }),
  )
  const views = await readViews(platform, db, [...known.values()])
  const identities = await readIdentities(db, known, views)
  const contexts = await readWantedContexts(platform, db, heard, known)
  return heard.map((one, place) => {
    const { event, webhook } = one
    const [found, message] = [known.get(event.id), views.get(event.id)]
    if (found === undefined || message === undefined || !webhook.eventTypes.includes(found.told.type))
      return null
    const context = contexts.get(place)
    const payload = {
      id: prefixedId('event', event.id),
      event_type: found.told.type,
      timestamp: event.created_at.toISOString(),
      data: {
        message,
        contacts: [],
        agent_identities: identities.get(event.id) ?? [],
        ...(context === undefined ? {} : { context }),
      },
      companion: null,
    }
    return { type: found.told.type, payload: JSON.stringify(payload) }
  })
}

/** By event; of an event whose message is gone, or not kept here, nothing is told. */
async function readKnown(db: Db, heard: readonly HeardEvent[]): Promise<Map<string, Known>> {
  const told = new Map(
    heard.flatMap(({ event }) => {
      const one = toldBy(event)
      return one === null ? [] : [[event.id, { event, told: one }] as const]
    }),
  )
  const all = [...told.values()]
  const copies = await sentCopies(
    db,
    all.flatMap(({ told: { messageId, outboundId } }) => (messageId === null ? (outboundId ?? []) : [])),
  )
  const refOf = ({ mailboxId, messageId, outboundId }: Told) =>
    messageId === null ? copies.get(outboundId ?? '') : { mailboxId, id: messageId }
  const refs = all.flatMap((one) => refOf(one.told) ?? [])
  const messages = await readManyMessages(db, [...new Map(refs.map((ref) => [ref.id, ref])).values()])
  return new Map(
    all.flatMap((one) => {
      const message = messages.get(refOf(one.told)?.id ?? '')
      return message === undefined ? [] : [[one.event.id, { ...one, message }] as const]
    }),
  )
}

/** The messages as they are shown, by event. */
async function readViews(
  platform: Platform,
  db: Db,
  known: readonly Known[],
): Promise<Map<string, WebhookMessage>> {
  const isReceived = ({ told }: Known): boolean => told.type === 'message.received'
  const received = new Set(known.filter(isReceived).map(({ message }) => message.id))
  const messages = known.map(({ message }) => message)
  const texts = await readTexts(platform, db, messages, received)
  const recipients = await recipientsOf(
    db,
    known.flatMap(({ told }) => told.outboundId ?? []),
  )
  return new Map(
    known.map(({ event, told, message }) => {
      const { snippet, text } = texts.get(message.id) ?? { snippet: '', text: null }
      const sentTo = recipients.get(told.outboundId ?? '') ?? []
      return [event.id, messageView(message, told.type, { snippet, text, sentTo })]
    }),
  )
}

type IdentityView = ReturnType<typeof identityView>

async function readIdentities(
  db: Db,
  known: ReadonlyMap<string, Known>,
  views: ReadonlyMap<string, WebhookMessage>,
): Promise<Map<string, IdentityView[]>> {
  const rows = [...known.values()].flatMap(({ event }) => {
    const message = views.get(event.id)
    const named = message === undefined ? [] : namedIn(message)
    return named.length > 0 && areLookedUp(named) ? [{ event, named }] : []
  })
  const found = new Map<string, IdentityView[]>()
  for (const [workspaceId, those] of Map.groupBy(rows, ({ event }) => event.workspace_id)) {
    if (workspaceId === null) continue
    const addresses = those.flatMap(({ named }) => named.map(({ address }) => address))
    const identities = await identitiesOfAddresses(db, workspaceId, addresses)
    for (const { event, named } of those) {
      const views = named.flatMap((one) => {
        const identity: AddressIdentity | undefined = identities.get(one.address.toLowerCase())
        return identity === undefined ? [] : [identityView(one, identity)]
      })
      found.set(event.id, views)
    }
  }
  return found
}

/** By the place of what is heard: each webhook wants its own. */
async function readWantedContexts(
  platform: Platform,
  db: Db,
  heard: readonly HeardEvent[],
  known: ReadonlyMap<string, Known>,
): Promise<Map<number, object>> {
  const wanted = heard.flatMap(({ event, webhook }, place): (ContextWanted & { place: number })[] => {
    const found = known.get(event.id)
    const choices = contextOf(webhook.settings)
    const isWanted =
      found?.told.type === 'message.received' && webhook.eventTypes.includes('message.received')
    return found === undefined || choices === null || !isWanted
      ? []
      : [{ place, message: found.message, choices }]
  })
  const contexts = await readContexts(platform, db, wanted)
  return new Map(wanted.map(({ place }, index) => [place, contexts[index] ?? {}]))
}
