/** /v1/wallet: what the workspace has, what moved it, and what is put aside. */
import { type Static, Type } from 'typebox'
import { requireWorkspace } from '../accounts/principals.ts'
import type { Wallet } from '../billing/payers.ts'
import { isBilling } from '../billing/settings.ts'
import { listWalletEntries, transferKinds, type WalletEntry } from '../billing/wallet-entries.ts'
import { listOpenHolds, type OpenHold, setLowBalance, walletOf } from '../billing/wallets.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { Amount, MoneyView, SignedMoney } from './money-schemas.ts'
import { mutate } from './mutate.ts'
import { readProblems, writeProblems } from './problem-view.ts'
import {
  type Api,
  closed,
  Id,
  Moment,
  momentOrNull,
  Nullable,
  OneOf,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
  readMomentOrNull,
} from './schemas.ts'

export const walletFields = {
  balance: { ...SignedMoney, description: 'What is there, without what is put aside.' },
  held: { ...SignedMoney, description: 'What is put aside for orders in progress.' },
  credit_limit: { ...SignedMoney, description: 'How far below zero buying may take the balance.' },
  low_balance: Nullable(
    Type.Integer(),
    'In minor units: below it `billing.balance_low` is told; null: nobody is told.',
  ),
  locked_at: Nullable(Moment, 'Since when nothing is sold to it.'),
  lock_reason: Nullable(Type.String()),
}

const WalletView = Type.Object(
  {
    enabled: Type.Boolean({ description: 'False: billing is off here, and everything is free.' }),
    ...walletFields,
  },
  { title: 'Wallet' },
)

const CauseView = Type.Object({
  type: Type.String({ description: 'Such as mailbox, order, subscription, invoice, top_up, coupon.' }),
  id: Nullable(Id),
})

const EntryView = Type.Object(
  {
    id: Id,
    kind: OneOf(transferKinds),
    amount: Type.Integer({ description: 'How it moved the balance, in minor units.' }),
    held: Type.Integer({ description: 'How it moved what is put aside.' }),
    currency: Type.String(),
    cause: CauseView,
    invoice_id: Nullable(Id),
    description: Type.String(),
    actor: Nullable(Type.String(), 'Who asked for it: `user:ID` or `api_key:ID`; null: the program itself.'),
    created_at: Moment,
  },
  { title: 'WalletEntry' },
)

const HoldView = Type.Object(
  { id: Id, amount: MoneyView, cause: CauseView, created_at: Moment },
  { title: 'WalletHold' },
)

const EntriesQuery = Type.Object(
  {
    ...pageQuery,
    kind: Type.Optional(OneOf(transferKinds)),
    since: Type.Optional(Moment),
    until: Type.Optional(Moment),
  },
  closed,
)
const tags = ['billing']

export function walletRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/wallet',
    { schema: { summary: 'Get the wallet', tags, response: { 200: WalletView, ...readProblems() } } },
    async (request) => {
      const scope = scopeOf(request)
      requireWorkspace(scope)
      return walletView(platform, await walletOf(platform, scope))
    },
  )
  app.patch(
    '/v1/wallet',
    {
      schema: {
        summary: 'Set when the balance is low',
        tags,
        body: Type.Object({ low_balance: Nullable(Amount, 'In minor units; null: nobody is told.') }, closed),
        response: { 200: WalletView, ...writeProblems() },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const wallet = await setLowBalance(platform, tx, scopeOf(request), request.body.low_balance)
        return { status: 200, body: walletView(platform, wallet) }
      }),
  )
  app.get(
    '/v1/wallet/entries',
    {
      schema: {
        summary: 'List the entries of the wallet',
        description: 'Every movement of its money, the newest first. They are never changed.',
        tags,
        querystring: EntriesQuery,
        response: { 200: PageOf(EntryView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) => {
      const { kind = null, since, until } = request.query
      const filter = {
        kind,
        since: readMomentOrNull(since, '/since'),
        until: readMomentOrNull(until, '/until'),
      }
      const page = pageRequest(request.query)
      return pageView(await listWalletEntries(platform, scopeOf(request), filter, page), entryView)
    },
  )
  app.get(
    '/v1/wallet/holds',
    {
      schema: {
        summary: 'List what is put aside',
        description: 'Money for what was ordered and is not there yet, the oldest first.',
        tags,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(HoldView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) =>
      pageView(await listOpenHolds(platform, scopeOf(request), pageRequest(request.query)), holdView),
  )
}

export type WalletFields = Omit<Static<typeof WalletView>, 'enabled'>

export function walletFieldsOf(wallet: Wallet): WalletFields {
  const { balance, held, credit_limit, currency } = wallet
  return {
    balance: { amount: balance, currency },
    held: { amount: held, currency },
    credit_limit: { amount: credit_limit, currency },
    low_balance: wallet.low_balance,
    locked_at: momentOrNull(wallet.locked_at),
    lock_reason: wallet.lock_reason,
  }
}

function walletView(platform: Platform, wallet: Wallet): Static<typeof WalletView> {
  return { enabled: isBilling(platform), ...walletFieldsOf(wallet) }
}

function entryView({ cause, cause_id, created_at, ...entry }: WalletEntry): Static<typeof EntryView> {
  return { ...entry, cause: { type: cause, id: cause_id }, created_at: created_at.toISOString() }
}

function holdView(hold: OpenHold): Static<typeof HoldView> {
  const { id, total: amount, currency, cause, cause_id, created_at } = hold
  return {
    id,
    amount: { amount, currency },
    cause: { type: cause, id: cause_id },
    created_at: created_at.toISOString(),
  }
}
