/** The picture of a mailbox: set, shown, removed, and handed to the service that runs it. */

import { createHash } from 'node:crypto'
import { requireWrite, type Scope } from '../accounts/principals.ts'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { engineOf, tellEngines } from './engines.ts'
import { getMailbox, lockMailbox, subject } from './mailboxes.ts'
import type { Mailbox } from './tables.ts'

declare module '../platform/events.ts' {
  interface EventTypes {
    /** sha256 is null where the picture was removed. */
    'mailbox.picture_changed': { mailbox_id: string; address: string; sha256: string | null }
  }
}

export type Picture = { jpeg: Buffer; sha256: Buffer; updatedAt: Date }

/** @throws Refusal mailbox_not_found, picture_not_found. */
export async function getPicture(platform: Platform, scope: Scope, ref: string): Promise<Picture> {
  const { id } = await getMailbox(platform, scope, ref)
  const row = await platform.db
    .selectFrom('mailboxes')
    .innerJoin('mailbox_pictures', 'mailbox_pictures.mailbox_id', 'mailboxes.id')
    .select(['jpeg', 'picture_sha256', 'mailbox_pictures.updated_at'])
    .where('mailboxes.id', '=', id)
    .executeTakeFirst()
  if (!row || row.picture_sha256 === null) throw new Refusal('picture_not_found')
  return { jpeg: row.jpeg, sha256: row.picture_sha256, updatedAt: row.updated_at }
}

/** For the service that runs the mailbox (RemoteDriver.setPicture): a JPEG, or null when there is none. */
export async function pictureJpeg(db: Db, mailboxId: string): Promise<Buffer | null> {
  const row = await db
    .selectFrom('mailbox_pictures')
    .select('jpeg')
    .where('mailbox_id', '=', mailboxId)
    .executeTakeFirst()
  return row?.jpeg ?? null
}

/**
 * Whether the caller may change the picture at all: asked before the work of making one.
 * @throws Refusal mailbox_not_found, service_cannot, forbidden.
 */
export async function requirePictureRight(platform: Platform, scope: Scope, ref: string): Promise<void> {
  requireWrite(scope)
  requireCapable(platform, await getMailbox(platform, scope, ref))
}

/**
 * Sets the picture, or removes it. The same one again changes nothing.
 * @param jpeg what makePicture made; null: none.
 * @throws Refusal mailbox_not_found, picture_not_found where there is none to be removed, service_cannot, forbidden.
 */
export async function setPicture(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  jpeg: Buffer | null,
): Promise<Mailbox> {
  const before = await lockMailbox(tx, scope, ref)
  requireCapable(platform, before)
  if (jpeg === null && before.picture_sha256 === null) throw new Refusal('picture_not_found')
  const sha256 = jpeg === null ? null : createHash('sha256').update(jpeg).digest()
  if (sha256 !== null && before.picture_sha256?.equals(sha256)) return before
  const now = platform.clock.now()
  await storePicture(tx, before, jpeg, now)
  const mailbox = await tx
    .updateTable('mailboxes')
    .set({
      picture_sha256: sha256,
      picture_updated_at: sha256 === null ? null : now,
      version: before.version + 1,
      updated_at: now,
    })
    .where('id', '=', before.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  await appendEvents(platform, tx, [
    {
      type: 'mailbox.picture_changed',
      ...subject(mailbox),
      data: { mailbox_id: mailbox.id, address: mailbox.address, sha256: sha256?.toString('hex') ?? null },
    },
  ])
  await tellEngines(platform, tx, [mailbox], 'picture')
  return mailbox
}

async function storePicture(tx: Tx, mailbox: Mailbox, jpeg: Buffer | null, now: Date): Promise<void> {
  if (jpeg === null) {
    await tx.deleteFrom('mailbox_pictures').where('mailbox_id', '=', mailbox.id).execute()
    return
  }
  const changes = { jpeg, updated_at: now }
  await tx
    .insertInto('mailbox_pictures')
    .values({ mailbox_id: mailbox.id, workspace_id: mailbox.workspace_id, ...changes })
    .onConflict((conflict) => conflict.column('mailbox_id').doUpdateSet(changes))
    .execute()
}

function requireCapable(platform: Platform, mailbox: Mailbox): void {
  if (engineOf(platform, mailbox.service)?.capabilities.picture === false)
    throw new Refusal(
      'service_cannot',
      `${mailbox.service} does not take pictures of mailboxes by its interface.`,
    )
}
