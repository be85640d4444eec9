/**
 * Woodpecker: mailboxes go in batches, whose summary names those that failed. An account is listed twice, as SMTP and as IMAP.
 * There is no call that changes credentials or takes an account away.
 */
import { member, textOf } from '../../platform/json-members.ts'
import type { AddOutcome, MailboxAccount, RemoteAccount, RemoteStatus, SequencerDriver } from '../driver.ts'
import { SequencerError } from '../driver.ts'
import { accountsIn, createClient, unsupported } from './client.ts'
import { notUnderstood } from './failures.ts'
import type { DriverOptions } from './options.ts'
import { inHalves } from './outcomes.ts'
import { addressOf, idOf, saidIn, wordsOrNull } from './reading.ts'

const tool = 'Woodpecker'
const root = '/v2/mailboxes'
const bulk = `${root}/manual_connection/bulk`

export function openWoodpecker({ call, key }: DriverOptions): SequencerDriver {
  const ask = createClient({ tool, call, headers: { 'x-api-key': key }, secrets: [key] })

  async function listAll(): Promise<RemoteAccount[]> {
    const { json } = await ask({ method: 'GET', path: root })
    return accountsIn(tool, json, readRow).filter(({ id }) => id !== imapRow)
  }

  async function poll(batch: string): Promise<{ address: string; outcome: AddOutcome }[]> {
    const path = `${bulk}/${encodeURIComponent(batch)}/summary`
    const { json } = await ask({ method: 'GET', path }, { ofAccount: true })
    const isFinished = member(json, 'processing_finished')
    const failed = member(json, 'failed_mailboxes')
    if (typeof isFinished !== 'boolean') throw notUnderstood({ tool, call: { method: 'GET', path } })
    const outcomes = (Array.isArray(failed) ? failed : []).flatMap((one) => failedOutcome(one, key))
    if (!isFinished) return outcomes
    // Those that are connected are counted, not named.
    const known = new Set(outcomes.map(({ address }) => address))
    const there = (await listAll()).filter(({ address }) => !known.has(address))
    return [
      ...outcomes,
      ...there.map((account) => ({
        address: account.address,
        outcome: { kind: 'added', account } as const,
      })),
    ]
  }

  return {
    async check() {
      await listAll()
      return null
    },
    add: inHalves(async (accounts) => {
      const body = { mailboxes: accounts.map(bodyOf), completion_notification_types: ['IN_APP'] }
      const request = { method: 'POST', path: bulk, body, adds: true } as const
      const { json } = await ask(request, { secrets: accounts.map(({ password }) => password) })
      const ref = idOf(json, 'batch_id')
      if (ref === '') throw notUnderstood({ tool, call: request })
      return accounts.map(() => ({ kind: 'pending', ref }))
    }),
    poll,
    async find(address) {
      const wanted = address.toLowerCase()
      return (await listAll()).find((account) => account.address === wanted) ?? null
    },
    async list() {
      return { accounts: await listAll(), next: null }
    },
    update: unsupported(
      'Woodpecker’s API cannot change the credentials of an account: change them in Woodpecker.',
    ),
    remove: unsupported('Woodpecker’s API cannot take an account away: do it in Woodpecker.'),
  }
}

/** What is there must not be blank. */
function bodyOf(account: MailboxAccount): Record<string, unknown> {
  const { address, displayName, password, smtp, imap, dailyLimit } = account
  return {
    smtp_email: address,
    smtp_login: address,
    smtp_password: password,
    smtp_server: smtp.host,
    smtp_port: smtp.port,
    imap_email: address,
    imap_password: password,
    imap_server: imap.host,
    imap_port: imap.port,
    ...(displayName.trim() === '' ? {} : { smtp_from_name: displayName }),
    ...(dailyLimit === null ? {} : { daily_sending_limit: dailyLimit }),
  }
}

/** The summary's rows are an address, or have one in one of these members. */
function failedOutcome(row: unknown, key: string): { address: string; outcome: AddOutcome }[] {
  const holder = typeof row === 'string' ? { email: row } : row
  const address = ['smtp_email', 'email', 'imap_email'].map((name) => addressOf(holder, name)).find(Boolean)
  if (!address) return []
  const said = wordsOrNull(saidIn(holder).join('; '), [key])
  const error = new SequencerError('connect_failed', said ?? 'Woodpecker could not connect it.')
  return [{ address, outcome: { kind: 'failed', error } }]
}

const imapRow = ''

function readRow(json: unknown): RemoteAccount | null {
  const details = member(json, 'details')
  const [id, address] = [idOf(json, 'id'), addressOf(details, 'email')]
  const type = textOf(json, 'type').toUpperCase()
  if (id === '' || address === '' || type === '') return null
  const error = textOf(details, 'error')
  const words = wordsOrNull(error, [])
  return { id: type === 'SMTP' ? id : imapRow, address, status: statusOf(error), words }
}

function statusOf(error: string): RemoteStatus {
  if (error === '' || /^connected conditionally/i.test(error)) return 'connected'
  if (/auth|login|password|credential/i.test(error)) return 'auth_error'
  return /imap/i.test(error) ? 'imap_error' : 'smtp_error'
}
