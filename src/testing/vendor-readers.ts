/** Readers of mailboxes for the dialects of InboxKit and Zapmail. */
import assert from 'node:assert/strict'
import { type FaceCall, instantAt, type MailboxReader, momentAt, ok } from './mailbox-readers.ts'
import { at, listAt, textAt } from './test-api.ts'

/** One page holds all that a test makes. */
const all = 100

export function inboxkitReader(inboxkit: FaceCall): MailboxReader {
  const list = async (filter: object = {}): Promise<unknown> =>
    await ok(inboxkit('POST', '/mailboxes/list', { page: 1, limit: all, ...filter }))
  const addressOf = (row: unknown): string => `${textAt(row, 'username')}@${textAt(row, 'domain_name')}`
  return {
    name: 'inboxkit',
    words: {
      waiting_payment: 'pending',
      waiting_domain: 'waiting_for_dns_propagation',
      provisioning: 'processing',
      active: 'active',
      suspended: 'suspended',
      failed: 'failed',
      deletion_scheduled: 'cancelled',
      deleted: null,
    },
    async read(address) {
      const domain = address.slice(address.indexOf('@') + 1)
      const row = listAt(await list({ domain }), 'mailboxes').find((one) => addressOf(one) === address)
      if (row === undefined) return null
      const found = await ok(inboxkit('GET', `/mailboxes/details?uid=${textAt(row, 'uid')}`))
      assert.deepEqual(at(found, 'mailbox'), row, `InboxKit shows ${address} otherwise in its list`)
      const endsAt = momentAt(row, 'renewal_date')
      const isCanceled = at(row, 'status') === 'scheduled_for_cancellation'
      return {
        id: textAt(row, 'uid'),
        address: addressOf(row),
        domain: textAt(row, 'domain_name'),
        status: isCanceled ? 'active' : textAt(row, 'status'),
        period: textAt(row, 'renewal_cycle'),
        ...(isCanceled ? { nextPeriod: 'canceled' } : {}),
        periodEndsAt: endsAt === null ? null : Math.floor(endsAt / 1000),
        createdAt: instantAt(row, 'createdAt'),
        updatedAt: instantAt(row, 'updatedAt'),
      }
    },
    async list() {
      const listed = await list()
      return {
        addresses: listAt(listed, 'mailboxes').map(addressOf).sort(),
        count: Number(at(listed, 'total')),
      }
    },
    async domains() {
      const listed = await ok(inboxkit('POST', '/domains/list', { page: 1, limit: all }))
      return listAt(listed, 'domains')
        .map((row) => `${textAt(row, 'name')} ${textAt(row, 'uid')}`)
        .sort()
    },
  }
}

/** Its lists are of one provider each. @param zapmail calls for one of the two. */
export function zapmailReader(zapmail: { google: FaceCall; microsoft: FaceCall }): MailboxReader {
  const both = async (path: string): Promise<unknown[]> =>
    await Promise.all([zapmail.google, zapmail.microsoft].map((face) => ok(face('GET', path))))
  const rowsOf = (pages: readonly unknown[]): unknown[] =>
    pages.flatMap((page) => listAt(page, 'data', 'domains').flatMap((domain) => listAt(domain, 'mailboxes')))
  const addressOf = (row: unknown): string => `${textAt(row, 'username')}@${textAt(row, 'domain')}`
  return {
    name: 'zapmail',
    words: {
      waiting_payment: 'PENDING',
      waiting_domain: 'PENDING',
      provisioning: 'IN_PROGRESS',
      active: 'ACTIVE',
      suspended: 'SUSPENDED',
      failed: 'FAILED',
      deletion_scheduled: null,
      deleted: null,
    },
    async read(address) {
      const pages = await both(`/v2/mailboxes/list?limit=${all}&contains=${encodeURIComponent(address)}`)
      const row = rowsOf(pages).find((one) => addressOf(one) === address)
      if (row === undefined) return null
      const found = await ok(zapmail.google('GET', `/v2/mailboxes?id=${textAt(row, 'id')}`))
      assert.deepEqual(at(found, 'data', 'mailbox'), row, `Zapmail shows ${address} otherwise in its list`)
      const endsAt = momentAt(row, 'expireOn')
      return {
        id: textAt(row, 'id'),
        address: addressOf(row),
        domain: textAt(row, 'domain'),
        domainId: textAt(row, 'domainId'),
        status: textAt(row, 'status'),
        periodEndsAt: endsAt === null ? null : Math.floor(endsAt / 1000),
        createdAt: instantAt(row, 'createdAt'),
      }
    },
    async list() {
      const pages = await both(`/v2/mailboxes/list?limit=${all}`)
      const addresses = rowsOf(pages).map(addressOf).sort()
      return { addresses, count: addresses.length }
    },
    async domains() {
      const pages = await both(`/v2/domains?limit=${all}`)
      return pages
        .flatMap((page) => listAt(page, 'data', 'domains'))
        .map((row) => `${textAt(row, 'domain')} ${textAt(row, 'id')}`)
        .sort()
    },
  }
}
