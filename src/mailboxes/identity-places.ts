/** Where the mailbox of an identity comes from: it is made, or it is there. */
import type { Scope } from '../accounts/principals.ts'
import { handleDomain } from '../domains/handle-domain.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { lockMailbox, updateMailbox } from './mailboxes.ts'
import { provisionMailbox } from './provision.ts'
import { drawFreeHandle, plainMailbox, sharedDomainOf, sharedMailbox } from './shared-mailboxes.ts'
import type { Mailbox } from './tables.ts'

/** The mailbox of a new identity: an own address, a random one in a domain, or a mailbox that is there. */
export type IdentityMailbox = { address: string } | { domain: string } | { mailbox: string }

export type WantedMailbox = {
  /** Null: in the shared domain the handle, else a random address in the workspace's oldest active domain. */
  mailbox: IdentityMailbox | null
  /** The identity's; null: it has none yet. */
  handle: string | null
  displayName: string | null
  draw?: (() => string) | undefined
}

/**
 * A mailbox for an identity: made, or one that is there and has no identity, locked.
 * @returns it, and the handle that was drawn for its address where none was given and the domain is the shared one.
 * @throws Refusal mailbox_not_found, mailbox_state_conflict, identity_exists, handle_taken, and whatever keeps one from
 * being made.
 */
export async function newMailboxFor(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  { mailbox: wanted, handle: asked, displayName, draw }: WantedMailbox,
): Promise<{ mailbox: Mailbox; handle: string | null }> {
  const place = wanted ?? { domain: await handleDomainName(tx, scope) }
  if ('mailbox' in place) {
    return { mailbox: await freeMailbox(platform, tx, scope, place.mailbox, displayName), handle: asked }
  }
  const shared = await sharedDomainOf(tx, scope, place)
  if (shared !== null) {
    const handle = asked ?? (await drawFreeHandle(tx, shared, draw))
    const mailbox = await sharedMailbox(platform, tx, scope, { place, shared, handle, displayName })
    return { mailbox, handle }
  }
  const address = 'address' in place ? place.address : { domain: place.domain }
  const mailbox = await provisionMailbox(platform, tx, scope, plainMailbox(address, displayName))
  return { mailbox, handle: asked }
}

/** A mailbox that is there and has no identity, locked so that it gets only one. */
async function freeMailbox(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  displayName: string | null,
): Promise<Mailbox> {
  const mailbox = await lockMailbox(tx, scope, ref)
  if (mailbox.state === 'deletion_scheduled') throw new Refusal('mailbox_state_conflict', 'It is deleted.')
  const existing = await tx
    .selectFrom('identities')
    .select('id')
    .where('mailbox_id', '=', mailbox.id)
    .executeTakeFirst()
  if (existing) throw new Refusal('identity_exists', `${mailbox.address} has an identity.`)
  if (displayName === null) return mailbox
  return await updateMailbox(platform, tx, scope, mailbox.id, { displayName }, null)
}

async function handleDomainName(tx: Tx, scope: Scope): Promise<string> {
  const domain = await handleDomain(tx, scope.workspaceId)
  if (!domain) throw new Refusal('domain_not_found', 'The workspace has no active domain.')
  return domain.name
}
