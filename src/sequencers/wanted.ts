/** What mailboxes are wanted to be at a sequencer: read when it is needed, for passwords are among it. */
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { allowsSending, type DomainState } from '../domains/lifecycle.ts'
import { clientServers } from '../mailboxes/credentials.ts'
import { isServed } from '../mailboxes/lifecycle.ts'
import { openPassword } from '../mailboxes/passwords.ts'
import { programPassword } from '../mailboxes/secrets.ts'
import type { Mailbox } from '../mailboxes/tables.ts'
import type { Db } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import type { MailboxAccount } from './driver.ts'
import type { SequencerSettings } from './platforms.ts'
import type { SequencerMailbox } from './rows.ts'
import type { UnpushableKind } from './tables.ts'

export type Unpushable = { kind: UnpushableKind; words: string }

export type WantedMailbox = { id: string; address: string } & (
  | { account: MailboxAccount; problem: null }
  | { account: null; problem: Unpushable }
)

type WantedRow = Pick<
  Mailbox,
  'id' | 'address' | 'state' | 'service' | 'display_name' | 'first_name' | 'last_name'
> & {
  domain_state: DomainState
  sealed_password: Buffer | null
  sealed_app_password: Buffer | null
  has_second_factor: boolean
}

/** @param settings of the connection; limits and warmup come from there. @returns by the mailbox's id. */
export async function wantedMailboxes(
  platform: Platform,
  db: Db,
  mailboxIds: readonly string[],
  settings: SequencerSettings,
): Promise<Map<string, WantedMailbox>> {
  const { rows } = await sql<WantedRow>`
    select mailboxes.id, address, mailboxes.state, service, display_name, first_name, last_name,
      domains.state as domain_state, main.sealed_password, program.sealed_password as sealed_app_password,
      mailbox_totp.enabled_at is not null as has_second_factor
    from mailboxes join domains on domains.id = domain_id
      left join mailbox_passwords as main on main.mailbox_id = mailboxes.id and main.name = 'primary'
      left join mailbox_totp on mailbox_totp.mailbox_id = mailboxes.id
      left join lateral ${programPassword(platform)} as program on mailbox_totp.enabled_at is not null
    where mailboxes.id = any(${uuidArray(mailboxIds)})`.execute(db)
  return new Map(rows.map((row) => [row.id, wantedMailbox(platform, row, settings)]))
}

/** A mailbox that is gone for good, of which there is no row either. */
export const goneMailbox: Unpushable = { kind: 'not_active', words: 'There is no such mailbox any more.' }

function wantedMailbox(platform: Platform, row: WantedRow, settings: SequencerSettings): WantedMailbox {
  const { id, address } = row
  const refused = (kind: UnpushableKind, words: string): WantedMailbox => {
    return { id, address, account: null, problem: { kind, words } }
  }
  if (row.service !== 'local') return refused('not_local', `It is run by ${row.service}, not here.`)
  if (!isServed(row.state)) return refused('not_active', `The mailbox is ${row.state}.`)
  if (!allowsSending(row.domain_state)) return refused('not_active', `Its domain is ${row.domain_state}.`)
  if (row.has_second_factor && row.sealed_app_password === null) {
    return refused(
      'second_factor',
      'It has a second factor and no app password, without which programs cannot log in.',
    )
  }
  const sealed = row.has_second_factor ? row.sealed_app_password : row.sealed_password
  if (sealed === null) return refused('no_password', 'No password of it is kept.')
  const { imap, smtp } = clientServers(platform, 'local')
  if (imap === null || smtp === null) {
    return refused('no_servers', 'This platform offers no IMAP or no submission.')
  }
  const password = openPassword(platform.vault, id, sealed)
  const account: MailboxAccount = {
    address,
    ...namesOf(row),
    password,
    smtp,
    imap,
    dailyLimit: settings.daily_limit ?? null,
    warmup: settings.warmup ?? null,
  }
  return { id, address, account, problem: null }
}

/** Most sequencers insist on a name: where a mailbox has none, the local part stands for it. */
function namesOf(
  row: Pick<WantedRow, 'address' | 'display_name' | 'first_name' | 'last_name'>,
): Pick<MailboxAccount, 'displayName' | 'firstName' | 'lastName'> {
  const localPart = row.address.slice(0, row.address.lastIndexOf('@'))
  const given = [row.first_name, row.last_name].filter((name) => name !== null && name !== '').join(' ')
  const displayName = row.display_name || given || localPart
  const [first = '', ...rest] = displayName.split(/\s+/)
  return given === ''
    ? { displayName, firstName: first, lastName: rest.join(' ') }
    : { displayName, firstName: row.first_name ?? '', lastName: row.last_name ?? '' }
}

export type Pushed = Pick<SequencerMailbox, 'pushed_digest' | 'pushed_key_id'>

/** What is noted of all that a sequencer is told of a mailbox: nobody learns a password from it. */
export function digestOf(
  { vault }: Pick<Platform, 'vault'>,
  mailboxId: string,
  account: MailboxAccount,
  keyId: string = vault.keyId,
): { pushed_digest: Buffer; pushed_key_id: string } {
  const { address, displayName, firstName, lastName, password, smtp, imap, dailyLimit, warmup } = account
  const told = JSON.stringify([
    address,
    displayName,
    firstName,
    lastName,
    password,
    [smtp.host, smtp.port, smtp.security],
    [imap.host, imap.port, imap.security],
    dailyLimit,
    warmup,
  ])
  return {
    pushed_digest: vault.digest(told, `sequencer_mailboxes:${mailboxId}`, keyId),
    pushed_key_id: keyId,
  }
}

/** Whether it was last pushed just so. What was noted under a master key that is gone cannot be told: it counts as so. */
export function isPushedSo(
  platform: Pick<Platform, 'vault'>,
  mailboxId: string,
  { pushed_digest: digest, pushed_key_id: keyId }: Pushed,
  account: MailboxAccount,
): boolean {
  if (digest === null || keyId === null) return false
  if (!platform.vault.keyIds.has(keyId)) return true
  return digestOf(platform, mailboxId, account, keyId).pushed_digest.equals(digest)
}

/** What all mailboxes of a connection are told alike: when this is another one, all are compared. */
export function commonDigest(platform: Platform, { daily_limit, warmup }: SequencerSettings): Buffer {
  const { imap, smtp } = clientServers(platform, 'local')
  return createHash('sha256')
    .update(JSON.stringify([imap, smtp, daily_limit ?? null, warmup ?? null]))
    .digest()
}
