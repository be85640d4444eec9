/** Mailboxes bought, cancelled and taken back. */
import { type Static, Type } from 'typebox'
import { isBilling } from '../../billing/settings.ts'
import type { Caller } from '../../mailboxes/callers.ts'
import { endedMax, endMailboxes, unendMailbox } from '../../mailboxes/ending.ts'
import { pictureUrlLengthMax } from '../../mailboxes/pictures-from-urls.ts'
import { ItemRefusal } from '../../mailboxes/provision-all.ts'
import { buyMailboxes } from '../../mailboxes/purchases.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import type { Tx } from '../../platform/database.ts'
import { errorCatalogue, Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { productOf, purchasePlatforms } from './mailbox-states.ts'
import { requireUid } from './mailbox-uids.ts'
import { PurchasedView, purchasedView } from './mailbox-view.ts'
import { closed, DoneView, done, errors, Ok, ok, Uid, Uids } from './schemas.ts'

const tags = ['Mailboxes']
const boughtMax = 1000

const terms = { waitsForDomain: true, bindsDomain: true } as const
const noSlots = 'The plan has not as many free slots: with use_wallet_balance the wallet pays for them'

const Name = Type.String({ maxLength: 200, pattern: '^[^\\u0000-\\u001f\\u007f]*$' })

const WantedBody = Type.Object(
  {
    first_name: Name,
    last_name: Name,
    username: Type.String({ minLength: 1, maxLength: 64, description: 'Left of the @.' }),
    platform: OneOf(purchasePlatforms),
    domain_name: Type.String({ minLength: 1, maxLength: 253 }),
    profile_picture: Type.Optional(
      Type.String({ maxLength: pictureUrlLengthMax, description: 'A URL. It is fetched afterwards.' }),
    ),
  },
  closed,
)

const BuyBody = Type.Object(
  {
    mailboxes: Type.Array(WantedBody, { minItems: 1, maxItems: boughtMax }),
    use_wallet_balance: Type.Optional(
      Type.Boolean({
        description: 'False: only free slots of the plan will do. Slots are taken first anyway.',
      }),
    ),
  },
  closed,
)

const CancelBody = Type.Object(
  {
    uids: Uids,
    domain_uids: Type.Optional({ ...Uids, description: 'All mailboxes of these domains too.' }),
  },
  closed,
)

const UncancelBody = Type.Object({ uids: { ...Uids, minItems: 1 } }, closed)

export function mailboxPurchaseRoutes(app: Api, platform: Platform): void {
  buyRoute(app, platform)
  app.post(
    '/mailboxes/cancel',
    {
      schema: {
        summary: 'Cancel mailboxes at the end of their period',
        description: `All or none, ${endedMax} at most. What has no period yet is deleted now, and can be taken back.`,
        tags,
        body: CancelBody,
        response: { 200: DoneView, ...errors(400) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { uids: ids, domain_uids: domainIds = [] } = request.body
      if (ids.length + domainIds.length === 0) throw new Refusal('invalid_request', 'uids is required')
      await transact(platform, caller, (tx) => endMailboxes(platform, tx, caller.scope, { ids, domainIds }))
      return done('Mailbox scheduled for cancellation')
    },
  )
  uncancelRoute(app, platform)
}

function buyRoute(app: Api, platform: Platform): void {
  app.post(
    '/mailboxes/buy',
    {
      config: { takesMoney: 'Insufficient wallet balance to purchase mailboxes', tellsConflicts: true },
      schema: {
        summary: 'Buy mailboxes',
        description:
          'All of them, or none. They are there when this answers, whatever it says, unless they wait for their domain or for another service.',
        tags,
        body: BuyBody,
        response: { 200: Ok({ mailboxes: Type.Array(PurchasedView) }), ...errors(400, 402, 409) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { mailboxes: wanted, use_wallet_balance: usesWallet = true } = request.body
      try {
        const made = await transact(platform, caller, (tx) => buy(platform, tx, caller, wanted, usesWallet))
        const message = 'Mailbox scheduled to be assigned to domains successfully'
        return ok(message, { mailboxes: made.map(purchasedView) })
      } catch (error) {
        throw refusalOf(error, wanted)
      }
    },
  )
}

type Wanted = Static<typeof WantedBody>

async function buy(
  platform: Platform,
  tx: Tx,
  { scope }: Caller,
  wanted: readonly Wanted[],
  usesWallet: boolean,
): Promise<Mailbox[]> {
  const items = wanted.map((item) => ({
    product: productOf[item.platform],
    domain: item.domain_name,
    localPart: item.username,
    firstName: item.first_name,
    lastName: item.last_name,
    ...(item.profile_picture === undefined ? {} : { pictureUrl: item.profile_picture }),
  }))
  const made = await bought(buyMailboxes(platform, tx, scope, items, terms), usesWallet)
  if (!usesWallet && isBilling(platform) && made.some(({ in_slot: isInSlot }) => !isInSlot)) {
    throw new Refusal('invalid_request', noSlots)
  }
  return made
}

/** Without the wallet it does not matter that it is short, but that there are no slots. */
async function bought(made: Promise<Mailbox[]>, usesWallet: boolean): Promise<Mailbox[]> {
  try {
    return await made
  } catch (error) {
    if (usesWallet || !(error instanceof Refusal) || error.code !== 'insufficient_funds') throw error
    throw new Refusal('invalid_request', noSlots)
  }
}

/** Only an address that is there already is a conflict: clients take that for a purchase that they have made before. */
function refusalOf(error: unknown, wanted: readonly Wanted[]): unknown {
  if (!(error instanceof Refusal) || errorCatalogue[error.code].status !== 409) return error
  const item = error instanceof ItemRefusal ? wanted[error.index] : undefined
  if (error.code !== 'address_taken' || !item) return new Refusal('invalid_request', error.detail)
  const address = `${item.username}@${item.domain_name}`.toLowerCase()
  return new Refusal('address_taken', `Mailbox ${address} already exists`)
}

function uncancelRoute(app: Api, platform: Platform): void {
  const Outcome = Type.Object({
    success: Type.Array(Type.Object({ uid: Uid })),
    failed: Type.Array(Type.Object({ uid: Uid, error: Type.String() })),
  })
  app.post(
    '/mailboxes/uncancel',
    {
      schema: {
        summary: 'Take cancellations back',
        description: 'Each by itself. What was deleted is restored for as long as that can be.',
        tags,
        body: UncancelBody,
        response: { 200: Ok({ results: Outcome }), ...errors(400) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const results: Static<typeof Outcome> = { success: [], failed: [] }
      for (const uid of new Set(request.body.uids)) {
        const error = await uncancel(platform, caller, uid)
        if (error === null) results.success.push({ uid })
        else results.failed.push({ uid, error })
      }
      const count = results.success.length + results.failed.length
      return ok(`Processed ${count} mailbox(es)`, { results })
    },
  )
}

/** @returns why it is not taken back. @throws Refusal forbidden. */
async function uncancel(platform: Platform, caller: Caller, uid: string): Promise<string | null> {
  try {
    const id = requireUid(uid)
    await transact(platform, caller, (tx) => unendMailbox(platform, tx, caller.scope, id))
    return null
  } catch (error) {
    if (!(error instanceof Refusal) || error.code === 'forbidden') throw error
    return error.code === 'mailbox_not_found' ? 'Mailbox not found' : error.detail
  }
}
