/** POST /v1/mailboxes: one mailbox, or up to ten thousand with a result for each. */

import type { Static } from 'typebox'
import type { Scope } from '../accounts/principals.ts'
import { createBatch } from '../mailboxes/batches.ts'
import type { Making, NewMailbox } from '../mailboxes/new-mailbox.ts'
import { type ProvisionResult, provisionMailbox } from '../mailboxes/provision.ts'
import type { Mailbox } from '../mailboxes/tables.ts'
import type { Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { etagOf } from './etag.ts'
import { apiLimits } from './limits.ts'
import {
  BatchResultView,
  MailboxView,
  mailboxView,
  NewMailboxesBody,
  NewMailboxesDocumented,
  toNewMailbox,
} from './mailbox-view.ts'
import { mutate, type Outcome } from './mutate.ts'
import { OrPreview, type Preview, PreviewView, preview, type TouchedObject } from './preview.ts'
import { postProblems, problemOf } from './problem-view.ts'
import { AnyOf, type Api } from './schemas.ts'

export function newMailboxesRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/mailboxes',
    {
      bodyLimit: apiLimits.batchBodyBytesMax,
      schema: {
        summary: 'Create one mailbox or many',
        description:
          'One object makes one mailbox, with an `address`, or with a random local part in a `domain`. With `mailboxes`, up to 10,000 are made in one call, and an item that ' +
          'cannot be made does not keep the others from being made.',
        tags: ['mailboxes'],
        body: NewMailboxesBody,
        response: {
          200: OrPreview(BatchResultView),
          201: MailboxView,
          ...postProblems(
            'domain_not_found',
            'domain_not_usable',
            'address_invalid',
            'address_taken',
            'password_too_weak',
            'mailbox_details_invalid',
            'service_unavailable',
            'mailbox_limit_reached',
            'insufficient_funds',
            'wallet_locked',
            'item_not_priced',
          ),
        },
      },
      config: {
        documented: { body: NewMailboxesDocumented, replies: { 200: AnyOf(BatchResultView, PreviewView) } },
      },
    },
    async (request, reply) => {
      const { body } = request
      const scope = scopeOf(request)
      const many = body.mailboxes?.map((item, index) => toNewMailbox(item, index))
      const one = body.mailboxes === undefined ? toNewMailbox(body) : null
      const making = { waitsForPayment: body.wait_for_payment === true }
      if (body.preview === true) {
        return preview(platform, reply, (tx) =>
          one
            ? previewOne(platform, tx, scope, one, making)
            : previewMany(platform, tx, scope, many ?? [], making),
        )
      }
      return one
        ? mutate(platform, request, reply, (tx) => createOne(platform, tx, scope, one, making))
        : mutate(platform, request, reply, (tx) => createMany(platform, tx, scope, many ?? [], making))
    },
  )
}

type Waits = Pick<Making, 'waitsForPayment'>

async function createOne(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  item: NewMailbox,
  making: Waits,
): Promise<Outcome<Static<typeof MailboxView>>> {
  const mailbox = await provisionMailbox(platform, tx, scope, item, making)
  const headers = { location: `/v1/mailboxes/${mailbox.id}`, etag: etagOf(mailbox) }
  return { status: 201, body: mailboxView(mailbox), headers }
}

async function createMany(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  items: readonly NewMailbox[],
  making: Waits,
): Promise<Outcome<Static<typeof BatchResultView>>> {
  const { batch, results } = await createBatch(platform, tx, scope, items, making)
  const body: Static<typeof BatchResultView> = { batch_id: batch.id, data: results.map(resultView) }
  return { status: 200, body }
}

/** The result of an item of a batch. */
export function resultView(
  result: ProvisionResult,
  index: number,
): Static<typeof BatchResultView>['data'][number] {
  return result.status === 'failed'
    ? { index, status: result.status, problem: problemOf(result.code, result.detail, result.fields) }
    : { index, status: result.status, mailbox: mailboxView(result.mailbox) }
}

async function previewOne(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  item: NewMailbox,
  making: Waits,
): Promise<Preview> {
  return { objects: [created(await provisionMailbox(platform, tx, scope, item, making))] }
}

async function previewMany(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  items: readonly NewMailbox[],
  making: Waits,
): Promise<Preview> {
  const { results } = await createBatch(platform, tx, scope, items, making)
  return {
    objects: results.flatMap((result) => (result.status === 'failed' ? [] : [created(result.mailbox)])),
    problems: results.flatMap((result, index) =>
      result.status === 'failed'
        ? [{ index, problem: problemOf(result.code, result.detail, result.fields) }]
        : [],
    ),
  }
}

/** What a preview says of a mailbox that would be made. */
export function created(mailbox: Mailbox): TouchedObject {
  return { type: 'mailbox', action: 'create', id: null, name: mailbox.address, state: mailbox.state }
}
