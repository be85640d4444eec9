/** What a mailbox is at its service, for whoever looks at it: wanted and seen, what went wrong, and what only people can do. */

import { requireWrite, type Scope } from '../../accounts/principals.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { tellEngines } from '../engines.ts'
import { getMailbox, lockMailbox, moveMailbox } from '../mailboxes.ts'
import { payAgain } from '../payment/first-periods.ts'
import type { Mailbox } from '../tables.ts'
import type { Remote } from './claims.ts'
import { driverOf } from './connection-health.ts'
import type { Connection } from './connections.ts'
import { aliasesOf, presenceOf } from './wanted.ts'

export type RemoteStanding = {
  mailbox: Mailbox
  remote: Remote
  connection: Connection
  /** The aliases that are wanted. */
  aliases: readonly string[]
  /** How what was seen there differs from what is wanted here. */
  drift: readonly string[]
  operatorSteps: readonly string[]
}

/** @throws Refusal mailbox_not_found, mailbox_not_remote. */
export async function remoteStanding(platform: Platform, scope: Scope, ref: string): Promise<RemoteStanding> {
  return await standingOf(platform, await getMailbox(platform, scope, ref))
}

async function standingOf(platform: Platform, mailbox: Mailbox): Promise<RemoteStanding> {
  const remote = await platform.db
    .selectFrom('mailbox_remotes')
    .selectAll()
    .where('mailbox_id', '=', mailbox.id)
    .executeTakeFirst()
  if (!remote) throw new Refusal('mailbox_not_remote')
  const connection = await platform.db
    .selectFrom('service_connections')
    .selectAll()
    .where('id', '=', remote.connection_id)
    .executeTakeFirstOrThrow()
  const aliases = await aliasesOf(platform, mailbox.id)
  const domain = mailbox.address.slice(mailbox.address.lastIndexOf('@') + 1)
  return {
    mailbox,
    remote,
    connection,
    aliases,
    drift: driftOf(mailbox, aliases, remote),
    operatorSteps: driverOf(platform, connection).operatorSteps(domain),
  }
}

/** In words: what an admin or the service changed there, and what is not done yet. */
function driftOf(
  mailbox: Pick<Mailbox, 'address' | 'state'>,
  aliases: readonly string[],
  { observed, aliases: added }: Pick<Remote, 'observed' | 'aliases'>,
): string[] {
  const presence = presenceOf(mailbox.state)
  if (observed === null || presence === 'none') return []
  if (presence === 'gone') return observed.state === 'deleted' ? [] : ['It is not deleted there.']
  if (observed.state === 'deleted') return ['It is deleted there.']
  const isSuspended = observed.state === 'suspended'
  const missing = aliases.filter((one) => !observed.aliases.includes(one) && one !== observed.address)
  const superfluous = added.filter((one) => observed.aliases.includes(one) && !aliases.includes(one))
  return [
    ...(observed.address === mailbox.address ? [] : [`Its address there is ${observed.address}.`]),
    ...(isSuspended && mailbox.state !== 'suspended' ? ['It is suspended there.'] : []),
    ...(!isSuspended && mailbox.state === 'suspended' ? ['It is not suspended there.'] : []),
    ...missing.map((alias) => `The alias ${alias} is not there.`),
    ...superfluous.map((alias) => `The alias ${alias} is still there.`),
  ]
}

/**
 * Asks the service again for everything that it was not told, or has otherwise now. What failed begins anew.
 * @throws Refusal mailbox_not_found, mailbox_not_remote, forbidden.
 */
export async function retryRemote(platform: Platform, tx: Tx, scope: Scope, ref: string): Promise<Mailbox> {
  requireWrite(scope)
  const before = await lockMailbox(tx, scope, ref)
  const remote = await tx
    .selectFrom('mailbox_remotes')
    .select('mailbox_id')
    .where('mailbox_id', '=', before.id)
    .executeTakeFirst()
  if (!remote) throw new Refusal('mailbox_not_remote')
  if (before.state === 'failed') await payAgain(platform, tx, before)
  const mailbox =
    before.state === 'failed' ? await moveMailbox(platform, tx, before, 'provisioning', {}) : before
  for (const change of ['state', 'address', 'details', 'aliases'] as const) {
    await tellEngines(platform, tx, [mailbox], change)
  }
  return mailbox
}
