/**
 * A mailbox as each face shows it, in common words, so that faces can be held against each other. Whatever a face does not
 * carry is left out of its facts. A further dialect is one more reader.
 */
import assert from 'node:assert/strict'
import type { MailboxState } from '../mailboxes/lifecycle.ts'
import { at, call, listAt, type Reply, textAt } from './test-api.ts'

export type MailboxFacts = {
  id: string
  address: string
  domain: string
  domainId?: string
  /** In the face's own words. */
  status: string
  displayName?: string | null
  bytesUsed?: number
  /** Null: unlimited. */
  bytesMax?: number | null
  /** By their alphabet. */
  aliases?: readonly string[]
  period?: string
  /** `canceled`: it ends with this one. Null: the next is as this one. Before the first: that one. */
  nextPeriod?: string | null
  /** In whole seconds since 1970. */
  periodEndsAt?: number | null
  /** Moments are in milliseconds since 1970. */
  createdAt: number
  updatedAt?: number
  purgeAt?: number | null
  /** Null: it has none. */
  identity?: IdentityFacts | null
}

export type IdentityFacts = {
  id: string
  handle: string
  address: string | null
  displayName: string | null
  description: string | null
  createdAt: number
  updatedAt: number
}

export type MailboxReader = {
  name: string
  /** How it says each of our states; null: its clients do not find such a mailbox. */
  words: Readonly<Record<MailboxState, string | null>>
  /** Null: it is not there for clients of this face. */
  read(address: string): Promise<MailboxFacts | null>
  /** The addresses of its list, and how many it counts. */
  list(): Promise<{ addresses: readonly string[]; count: number }>
  /** Every domain as `name id`. */
  domains(): Promise<readonly string[]>
}

/** A call of one face with a key of its own. */
export type FaceCall = (method: string, path: string, body?: unknown) => Promise<Reply>

/** @param headers with the key. */
export function faceAt(base: string, prefix: string, headers: Record<string, string>): FaceCall {
  return (method, path, body) => call(base, '', method, prefix + path, { key: null, headers, body })
}

export function nativeReader(native: FaceCall): MailboxReader {
  return {
    name: 'native',
    words: wordsBy((state) => (state === 'deleted' ? null : state)),
    async read(address) {
      const found = await orNull(native('GET', `/mailboxes/${address}`))
      if (found === null || at(found, 'state') === 'deleted') return null
      const id = textAt(found, 'id')
      const [folders, aliases, identities] = await Promise.all([
        ok(native('GET', `/mailboxes/${id}/folders`)),
        ok(native('GET', `/mailboxes/${id}/aliases`)),
        ok(native('GET', '/identities?limit=100')),
      ])
      const identity = listAt(identities, 'data').find((one) => at(one, 'mailbox_id') === id)
      const periodEndsAt = momentAt(found, 'period_ends_at')
      return {
        id,
        address: textAt(found, 'address'),
        domain: textAt(found, 'domain'),
        domainId: textAt(found, 'domain_id'),
        status: textAt(found, 'state'),
        displayName: textOrNull(found, 'display_name'),
        bytesUsed: Number(at(folders, 'usage', 'bytes')),
        bytesMax: numberOrNull(folders, 'quota', 'bytes'),
        aliases: sorted(listAt(aliases, 'data'), 'address'),
        period: textAt(found, 'period'),
        nextPeriod: nextPeriodOf(found, periodEndsAt),
        periodEndsAt: periodEndsAt === null ? null : Math.floor(periodEndsAt / 1000),
        createdAt: instantAt(found, 'created_at'),
        updatedAt: instantAt(found, 'updated_at'),
        purgeAt: momentAt(found, 'purge_at'),
        identity:
          identity === undefined ? null : identityFacts(identity, { handle: 'handle', address: 'address' }),
      }
    },
    async list() {
      const addresses = sorted(listAt(await ok(native('GET', '/mailboxes?limit=100')), 'data'), 'address')
      return { addresses, count: addresses.length }
    },
    async domains() {
      const rows = listAt(await ok(native('GET', '/domains?limit=100')), 'data')
      return rows.map((row) => `${textAt(row, 'name')} ${textAt(row, 'id')}`).sort()
    },
  }
}

function nextPeriodOf(mailbox: unknown, periodEndsAt: number | null): string | null {
  if (periodEndsAt === null) return textAt(mailbox, 'period')
  return at(mailbox, 'cancel_at_period_end') === true ? 'canceled' : textOrNull(mailbox, 'next_period')
}

export function scalewayReader(scaleway: FaceCall): MailboxReader {
  const path = '/mailbox/v1alpha1'
  return {
    name: 'scaleway',
    words: {
      waiting_payment: 'waiting_payment',
      waiting_domain: 'waiting_domain',
      provisioning: 'creating',
      active: 'ready',
      suspended: 'locked',
      failed: 'payment_failed',
      deletion_scheduled: 'deletion_scheduled',
      deleted: null,
    },
    async read(address) {
      const listed = await ok(scaleway('GET', `${path}/mailboxes?search=${encodeURIComponent(address)}`))
      const row = listAt(listed, 'mailboxes').find((one) => at(one, 'email') === address)
      if (row === undefined) return null
      const found = await ok(scaleway('GET', `${path}/mailboxes/${textAt(row, 'id')}`))
      assert.deepEqual(found, row, `Scaleway shows ${address} otherwise in a list`)
      const id = textAt(found, 'id')
      const [domain, aliases] = await Promise.all([
        ok(scaleway('GET', `${path}/domains/${textAt(found, 'domain_id')}`)),
        ok(scaleway('GET', `${path}/aliases?mailbox_id=${id}&page_size=100`)),
      ])
      const period = textAt(found, 'subscription_period')
      const nextPeriod = textAt(found, 'next_subscription_period')
      const endsAt = momentAt(found, 'next_subscription_period_starts_at')
      return {
        id,
        address: textAt(found, 'email'),
        domain: textAt(domain, 'name'),
        domainId: textAt(domain, 'id'),
        status: textAt(found, 'status'),
        aliases: sorted(listAt(aliases, 'aliases'), 'email'),
        ...(period === 'unknown_subscription_period' ? {} : { period }),
        nextPeriod: nextPeriod === 'unknown_subscription_period' ? null : nextPeriod,
        periodEndsAt: endsAt === null ? null : endsAt / 1000,
        createdAt: instantAt(found, 'created_at'),
        updatedAt: instantAt(found, 'updated_at'),
        purgeAt: momentAt(found, 'deletion_scheduled_at'),
      }
    },
    async list() {
      const listed = await ok(scaleway('GET', `${path}/mailboxes?page_size=100`))
      return {
        addresses: sorted(listAt(listed, 'mailboxes'), 'email'),
        count: Number(at(listed, 'total_count')),
      }
    },
    async domains() {
      const rows = listAt(await ok(scaleway('GET', `${path}/domains?page_size=100`)), 'domains')
      return rows.map((row) => `${textAt(row, 'name')} ${textAt(row, 'id')}`).sort()
    },
  }
}

export function inkboxReader(inkbox: FaceCall): MailboxReader {
  return {
    name: 'inkbox',
    words: {
      ...wordsBy((state) => (state === 'active' ? 'active' : 'paused')),
      deletion_scheduled: null,
      deleted: null,
    },
    async read(address) {
      const found = await orNull(inkbox('GET', `/mail/mailboxes/${encodeURIComponent(address)}`))
      if (found === null) return null
      const listed = await ok(inkbox('GET', '/mail/mailboxes'))
      const rows = listAt(listed).filter((one) => at(one, 'id') === at(found, 'id'))
      assert.deepEqual(rows, [found], `Inkbox shows ${address} otherwise in its list`)
      return {
        id: textAt(found, 'id'),
        address: textAt(found, 'email_address'),
        domain: textAt(found, 'sending_domain'),
        status: textAt(found, 'status'),
        displayName: textOrNull(found, 'display_name'),
        bytesUsed: Number(at(found, 'storage_used_bytes')),
        bytesMax: numberOrNull(found, 'storage_limit_bytes'),
        createdAt: instantAt(found, 'created_at'),
        updatedAt: instantAt(found, 'updated_at'),
        identity: await inkboxIdentity(inkbox, found),
      }
    },
    async list() {
      const rows = listAt(await ok(inkbox('GET', '/mail/mailboxes')))
      return { addresses: sorted(rows, 'email_address'), count: rows.length }
    },
    async domains() {
      const rows = listAt(await ok(inkbox('GET', '/domains')))
      return rows
        .map((row) => `${textAt(row, 'domain')} ${textAt(row, 'id').replace('sending_domain_', '')}`)
        .sort()
    },
  }
}

/** Of the list, of the identity itself and within it: the same thrice. */
async function inkboxIdentity(inkbox: FaceCall, mailbox: unknown): Promise<IdentityFacts | null> {
  const id = at(mailbox, 'agent_identity_id')
  if (id === null) return null
  const row = listAt(await ok(inkbox('GET', '/identities'))).find((one) => at(one, 'id') === id)
  const found = await ok(inkbox('GET', `/identities/${textAt(row, 'agent_handle')}`))
  assert.deepEqual(found, row)
  assert.deepEqual(at(found, 'mailbox'), mailbox)
  assert.equal(at(found, 'status'), at(mailbox, 'status'))
  return identityFacts(found, { handle: 'agent_handle', address: 'email_address' })
}

function identityFacts(json: unknown, names: { handle: string; address: string }): IdentityFacts {
  return {
    id: textAt(json, 'id'),
    handle: textAt(json, names.handle),
    address: textOrNull(json, names.address),
    displayName: textOrNull(json, 'display_name'),
    description: textOrNull(json, 'description'),
    createdAt: instantAt(json, 'created_at'),
    updatedAt: instantAt(json, 'updated_at'),
  }
}

function wordsBy<W>(word: (state: MailboxState) => W): Record<MailboxState, W> {
  return {
    waiting_payment: word('waiting_payment'),
    waiting_domain: word('waiting_domain'),
    provisioning: word('provisioning'),
    active: word('active'),
    suspended: word('suspended'),
    failed: word('failed'),
    deletion_scheduled: word('deletion_scheduled'),
    deleted: word('deleted'),
  }
}

/** The body of a reply that is no refusal. */
export async function ok(reply: Promise<Reply>): Promise<unknown> {
  const { status, text, json } = await reply
  assert.ok(status < 300, `${status} ${text}`)
  return json
}

async function orNull(reply: Promise<Reply>): Promise<unknown> {
  const { status, text, json } = await reply
  assert.ok(status < 300 || status === 404, `${status} ${text}`)
  return status === 404 ? null : json
}

function sorted(rows: readonly unknown[], name: string): string[] {
  return rows.map((row) => textAt(row, name)).sort()
}

export function textOrNull(json: unknown, ...path: string[]): string | null {
  const value = at(json, ...path)
  assert.ok(value === null || typeof value === 'string', `${path.join('.')} is ${typeof value}`)
  return value
}

function numberOrNull(json: unknown, ...path: string[]): number | null {
  const value = at(json, ...path)
  assert.ok(value === null || typeof value === 'number', `${path.join('.')} is ${typeof value}`)
  return value
}

/** A moment that must be there, however many digits of its second the face writes. */
export function instantAt(json: unknown, name: string): number {
  const moment = Date.parse(textAt(json, name))
  assert.ok(Number.isFinite(moment), `${name} is no moment`)
  return moment
}

/** The same, where there may be none. */
export function momentAt(json: unknown, name: string): number | null {
  return at(json, name) === null ? null : instantAt(json, name)
}
