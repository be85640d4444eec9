/** Instantly, API v2. The address is the account's id; credentials cannot be changed in place. */
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
import { accountsIn, byAddingAnew, createClient, nothingToPoll, unlessGone } from './client.ts'
import { notUnderstood } from './failures.ts'
import type { DriverOptions } from './options.ts'
import { oneByOne } from './outcomes.ts'
import { addressOf, wordsOrNull } from './reading.ts'

const tool = 'Instantly'
const root = '/api/v2/accounts'
const pageSize = 100
const customMailServer = 1 // provider_code: with another one the account does not work

export function openInstantly({ call, key }: DriverOptions): SequencerDriver {
  const ask = createClient({ tool, call, headers: { authorization: `Bearer ${key}` }, secrets: [key] })
  const pathOf = (address: string): string => `${root}/${encodeURIComponent(address)}`

  async function list(cursor: string | null): Promise<AccountPage> {
    const after = cursor === null ? '' : `&starting_after=${encodeURIComponent(cursor)}`
    const { json } = await ask({ method: 'GET', path: `${root}?limit=${pageSize}${after}` })
    const next = textOf(json, 'next_starting_after')
    return {
      accounts: accountsIn(tool, member(json, 'items'), readAccount),
      next: next === '' || next === cursor ? null : next,
    }
  }

  async function addOne(account: MailboxAccount): Promise<AddOutcome> {
    const create = { method: 'POST', path: root, body: bodyOf(account), adds: true } as const
    const { json } = await ask(create, { secrets: [account.password] })
    const added = readAccount(json)
    if (added === null) throw notUnderstood({ tool, call: create })
    const isWarming = member(json, 'warmup_status') === 1
    if (account.warmup === null || account.warmup === isWarming) return { kind: 'added', account: added }
    return { kind: 'added', account: await setWarmup(added, account.warmup) }
  }

  /** A job of theirs does it. The account is there whatever becomes of it, so that a failure is only told. */
  async function setWarmup(account: RemoteAccount, enabled: boolean): Promise<RemoteAccount> {
    const path = `${root}/warmup/${enabled ? 'enable' : 'disable'}`
    try {
      await ask({ method: 'POST', path, body: { emails: [account.address] } })
      return account
    } catch (error) {
      if (!(error instanceof SequencerError)) throw error
      return { ...account, words: account.words ?? `Warmup was not switched: ${error.message}` }
    }
  }

  async function remove({ address }: RemoteAccount): Promise<void> {
    await unlessGone(ask({ method: 'DELETE', path: pathOf(address) }, { ofAccount: true }))
  }

  const add = oneByOne(addOne)
  return {
    async check() {
      await list(null)
      return null
    },
    add,
    poll: nothingToPoll,
    async find(address) {
      const reply = await unlessGone(
        ask({ method: 'GET', path: pathOf(address.toLowerCase()) }, { ofAccount: true }),
      )
      if (reply === null) return null
      const found = readAccount(reply.json)
      if (found === null) throw notUnderstood({ tool, call: { method: 'GET', path: root } })
      return found
    },
    list,
    update: byAddingAnew({ add, remove }),
    remove,
  }
}

/** It refuses a body with any other member. */
function bodyOf(account: MailboxAccount): Record<string, unknown> {
  const { address, password, smtp, imap, dailyLimit } = account
  return {
    email: address,
    first_name: account.firstName || account.displayName || address.slice(0, address.lastIndexOf('@')),
    last_name: account.lastName,
    provider_code: customMailServer,
    imap_username: address,
    imap_password: password,
    imap_host: imap.host,
    imap_port: imap.port,
    smtp_username: address,
    smtp_password: password,
    smtp_host: smtp.host,
    smtp_port: smtp.port,
    ...(dailyLimit === null ? {} : { daily_limit: dailyLimit }),
  }
}

function readAccount(json: unknown): RemoteAccount | null {
  const address = addressOf(json, 'email')
  if (address === '') return null
  const told = member(json, 'status_message')
  const words = textOf(told, 'e_message') || textOf(told, 'response')
  return { id: address, address, status: statusOf(json, told, words), words: wordsOrNull(words, []) }
}

function statusOf(json: unknown, told: unknown, words: string): RemoteStatus {
  if (member(json, 'setup_pending') === true) return 'pending'
  switch (member(json, 'status')) {
    case 1:
      return 'connected'
    case 2:
    case 3: // maintenance, which ends by itself
      return 'paused'
    case -1:
      if (member(told, 'responseCode') === 535 || /auth|credential|login/i.test(words)) return 'auth_error'
      return /imap/i.test(`${textOf(told, 'command')} ${words}`) ? 'imap_error' : 'smtp_error'
    case -2: // soft bounces
    case -3: // sending
      return 'smtp_error'
    default:
      return 'unknown'
  }
}
