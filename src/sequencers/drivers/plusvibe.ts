/**
 * PlusVibe (once pipl.ai). That a mailbox was accepted says nothing: what became of it is written to the account's owner by
 * mail, so that only the list tells.
 */
import { listOf, member, textOf } from '../../platform/json-members.ts'
import type { AccountPage, MailboxAccount, RemoteAccount, RemoteStatus, SequencerDriver } from '../driver.ts'
import { SequencerError } from '../driver.ts'
import {
  accountsIn,
  byAddingAnew,
  createClient,
  findIn,
  nothingToPoll,
  numberIn,
  unlessGone,
} from './client.ts'
import { notUnderstood } from './failures.ts'
import type { DriverOptions } from './options.ts'
import { inHalves } from './outcomes.ts'
import { addressOf, idOf } from './reading.ts'

const tool = 'PlusVibe'
const pageSize = 100

export function openPlusVibe({ call, key, settings }: DriverOptions): SequencerDriver {
  const ask = createClient({ tool, call, headers: { 'x-api-key': key }, secrets: [key] })
  const workspaceId = settings.workspace_id ?? ''

  async function page(cursor: string | null, filter: string): Promise<AccountPage> {
    const skip = numberIn(cursor, 0)
    const query = `workspace_id=${encodeURIComponent(workspaceId)}&skip=${skip}&limit=${pageSize}${filter}`
    const { json } = await ask({ method: 'GET', path: `/account/list?${query}` })
    const found = member(json, 'accounts')
    const accounts = accountsIn(tool, found, readAccount)
    const isFull = Array.isArray(found) && found.length >= pageSize
    return { accounts, next: isFull ? String(skip + pageSize) : null }
  }

  const add = inHalves(async (accounts) => {
    const body = { workspace_id: workspaceId, accounts: accounts.map(bodyOf) }
    const request = { method: 'POST', path: '/account/bulk-add-regular-accounts', body, adds: true } as const
    const { json } = await ask(request, { secrets: accounts.map(({ password }) => password) })
    if (textOf(json, 'status') === '') throw notUnderstood({ tool, call: request })
    return accounts.map(() => ({ kind: 'pending', ref: null }))
  })

  async function remove({ address }: RemoteAccount): Promise<void> {
    const body = { workspace_id: workspaceId, email: address }
    await unlessGone(ask({ method: 'POST', path: '/account/delete', body }, { ofAccount: true }))
  }

  return {
    async check() {
      const { json } = await ask({ method: 'GET', path: '/authenticate' })
      const found = member(json, 'workspaces')
      if (!Array.isArray(found)) throw notUnderstood({ tool, call: { method: 'GET', path: '' } })
      const workspace = listOf(json, 'workspaces').find((one) => idOf(one, '_id') === workspaceId)
      if (workspace === undefined) {
        throw new SequencerError('validation', `PlusVibe’s key has no workspace ${workspaceId}.`)
      }
      return textOf(workspace, 'name') || null
    },
    add,
    poll: nothingToPoll,
    find: (address) =>
      findIn((cursor) => page(cursor, `&email=${encodeURIComponent(address.toLowerCase())}`), address),
    list: (cursor) => page(cursor, ''),
    update: byAddingAnew({ add, remove }),
    remove,
  }
}

function bodyOf(account: MailboxAccount): Record<string, unknown> {
  const { address, password, smtp, imap, dailyLimit, warmup } = account
  return {
    first_name: account.firstName || account.displayName || address,
    last_name: account.lastName,
    email: address,
    username: address, // IMAP's
    password,
    imap_host: imap.host,
    imap_port: imap.port,
    smtp_host: smtp.host,
    smtp_username: address,
    smtp_password: password,
    smtp_port: smtp.port,
    ...(dailyLimit === null ? {} : { daily_limit: dailyLimit }),
    ...(warmup === null ? {} : { enable_warmup: warmup ? 'yes' : 'no' }),
  }
}

function readAccount(json: unknown): RemoteAccount | null {
  const [id, address] = [idOf(json, 'id') || idOf(json, '_id'), addressOf(json, 'email')]
  if (id === '' || address === '') return null
  const word = textOf(json, 'status')
  const words = /^inactive$/i.test(word) ? 'PlusVibe has it as inactive.' : null
  return { id, address, status: statusOf(word), words }
}

function statusOf(word: string): RemoteStatus {
  switch (word.toUpperCase()) {
    case 'ACTIVE':
      return 'connected'
    case 'PAUSED':
      return 'paused'
    default:
      // It does not say why; what it does not use must not be taken for working.
      return /inactive|error|fail|disconnect/i.test(word) ? 'auth_error' : 'unknown'
  }
}
