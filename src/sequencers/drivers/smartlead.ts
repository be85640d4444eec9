/**
 * Smartlead, API v1. The key stands in every URL, and single accounts are answered with their passwords: nothing of a path or
 * of an answer goes further than here, other than what is read by name.
 */
import { member, textOf } from '../../platform/json-members.ts'
import type {
  AccountPage,
  AddOutcome,
  MailboxAccount,
  RemoteAccount,
  RemoteStatus,
  SequencerDriver,
} from '../driver.ts'
import { SequencerError } from '../driver.ts'
import { accountsIn, createClient, findIn, nothingToPoll, numberIn, unlessGone } from './client.ts'
import { notUnderstood } from './failures.ts'
import type { DriverOptions } from './options.ts'
import { oneByOne } from './outcomes.ts'
import { addressOf, idOf, wordsOrNull } from './reading.ts'

const tool = 'Smartlead'
const root = '/email-accounts'
const pageSize = 100

export function openSmartlead({ call, key }: DriverOptions): SequencerDriver {
  const ask = createClient({ tool, call, headers: {}, secrets: [key] })
  const withKey = (path: string): string =>
    `${path}${path.includes('?') ? '&' : '?'}api_key=${encodeURIComponent(key)}`

  async function page(cursor: string | null, filter: string): Promise<AccountPage> {
    const offset = numberIn(cursor, 0)
    const path = withKey(`${root}/?offset=${offset}&limit=${pageSize}${filter}`)
    const { json } = await ask({ method: 'GET', path })
    const accounts = accountsIn(tool, json, readAccount)
    const isFull = Array.isArray(json) && json.length >= pageSize
    return { accounts, next: isFull ? String(offset + pageSize) : null }
  }
  const find = (address: string): Promise<RemoteAccount | null> =>
    findIn((cursor) => page(cursor, `&username=${encodeURIComponent(address.toLowerCase())}`), address)

  /** @param id null: a new account. */
  async function save(account: MailboxAccount, id: number | null, warmup: boolean): Promise<AddOutcome> {
    const body = bodyOf(account, id, warmup)
    const request = { method: 'POST', path: withKey(`${root}/save`), body, adds: true } as const
    const { json } = await ask(request, { secrets: [account.password], ofAccount: id !== null })
    const data = member(json, 'data')
    const savedId = idOf(data, 'id') || idOf(json, 'emailAccountId') || idOf(json, 'id')
    const address = account.address.toLowerCase()
    if (savedId !== '') {
      const words = wordsOrNull(failuresIn(data), [key, account.password])
      const status = statusOf(data)
      // It has logged in to both sides before it answers; an older shape does not say so.
      const known = status === 'unknown' ? 'connected' : status
      return { kind: 'added', account: { id: savedId, address, status: known, words } }
    }
    // Some calls that write answer with plain text only.
    const found = await find(account.address)
    if (found === null) throw notUnderstood({ tool, call: request })
    return { kind: 'added', account: found }
  }

  /** Whether it is warmed up now: a save without an answer to that would change it. */
  async function isWarming(id: string): Promise<boolean> {
    const { json } = await ask({ method: 'GET', path: withKey(pathOf(id)) }, { ofAccount: true })
    return textOf(member(json, 'warmup_details'), 'status').toUpperCase() === 'ACTIVE'
  }

  return {
    async check() {
      await page(null, '')
      return null
    },
    add: oneByOne((account) => save(account, null, account.warmup ?? false)),
    poll: nothingToPoll,
    find,
    list: (cursor) => page(cursor, ''),
    async update(account, wanted) {
      const id = Number(account.id)
      if (!Number.isSafeInteger(id)) throw new SequencerError('gone', 'Smartlead’s ids are numbers.')
      return save(wanted, id, wanted.warmup ?? (await isWarming(account.id)))
    },
    async remove({ id }) {
      await unlessGone(ask({ method: 'DELETE', path: withKey(pathOf(id)) }, { ofAccount: true }))
    },
  }
}

const pathOf = (id: string): string => `${root}/${encodeURIComponent(id)}`

function bodyOf(account: MailboxAccount, id: number | null, warmup: boolean): Record<string, unknown> {
  const { address, password, smtp, imap, dailyLimit } = account
  return {
    id,
    from_name: account.displayName || address,
    from_email: address,
    user_name: address,
    password,
    smtp_host: smtp.host,
    smtp_port: smtp.port,
    imap_host: imap.host,
    imap_port: imap.port,
    imap_user_name: address,
    imap_password: password,
    type: 'SMTP',
    warmup_enabled: warmup,
    ...(dailyLimit === null ? {} : { max_email_per_day: dailyLimit }),
  }
}

function readAccount(json: unknown): RemoteAccount | null {
  const [id, address] = [idOf(json, 'id'), addressOf(json, 'from_email')]
  if (id === '' || address === '') return null
  const passwords = [textOf(json, 'password'), textOf(json, 'imap_password')]
  return { id, address, status: statusOf(json), words: wordsOrNull(failuresIn(json), passwords) }
}

function failuresIn(json: unknown): string {
  const failures = [textOf(json, 'smtp_failure_error'), textOf(json, 'imap_failure_error')]
  return failures.filter((one) => one !== '').join('; ')
}

function statusOf(json: unknown): RemoteStatus {
  const [smtp, imap] = [member(json, 'is_smtp_success'), member(json, 'is_imap_success')]
  if (member(json, 'is_suspended') === true) return 'suspended'
  if (smtp === false && imap === false) return 'auth_error'
  if (smtp === false) return 'smtp_error'
  if (imap === false) return 'imap_error'
  return smtp === true && imap === true ? 'connected' : 'unknown'
}
