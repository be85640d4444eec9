/** /v1/wallets: the wallets of all tenants, for the operator, who gives credit and says what each may. */
import { type Static, Type } from 'typebox'
import { type BillingDetails, putTax } from '../billing/billing-details.ts'
import type { Wallet } from '../billing/payers.ts'
import { controlWallet, creditManually } from '../billing/wallet-controls.ts'
import { listWallets, requireOwner, walletOf } from '../billing/wallets.ts'
import type { Tx } from '../platform/database.ts'
import { formatSigned } from '../platform/money.ts'
import type { Platform } from '../platform/platform.ts'
import { Amount } from './money-schemas.ts'
import { mutate } from './mutate.ts'
import { forOperators, operatorScope, requireOperatorCall } from './operators.ts'
import { PreviewView, preview } from './preview.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Id, Nullable, OneOf, PageOf, pageQuery, pageRequest, pageView } from './schemas.ts'
import { walletFields, walletFieldsOf } from './wallet.ts'

const TenantWalletView = Type.Object(
  { workspace_id: Id, organization_id: Id, ...walletFields },
  { title: 'TenantWallet' },
)

const WalletsQuery = Type.Object(
  {
    ...pageQuery,
    negative: Type.Optional(Type.Boolean({ description: 'Whether the balance is below zero.' })),
    locked: Type.Optional(Type.Boolean()),
  },
  closed,
)

const Text = Type.String({ minLength: 1, maxLength: 500, pattern: '^[^\\u0000-\\u001f\\u007f]+$' })

const CreditBody = Type.Object(
  {
    kind: OneOf(
      ['top_up', 'promotion', 'correction'],
      'Money that came by another way, a present, or a mistake mended.',
    ),
    amount: Type.Integer({
      minimum: -1e12,
      maximum: 1e12,
      description: 'In minor units of the wallet’s currency; negative only of a correction.',
    }),
    currency: Type.Optional(
      Type.String({
        pattern: '^[A-Z]{3}$',
        maxLength: 3,
        description: 'Refused when it is not the wallet’s.',
      }),
    ),
    description: { ...Text, description: 'The workspace sees it.' },
    preview: Type.Optional(Type.Boolean({ description: 'Only say what would happen.' })),
  },
  { ...closed, title: 'WalletCredit' },
)

const ControlsBody = Type.Object(
  {
    credit_limit: Type.Optional(Amount),
    locked: Type.Optional(Type.Boolean({ description: 'Nothing is sold to a locked wallet.' })),
    lock_reason: Type.Optional({ ...Text, description: 'Needed to lock it. The workspace sees it.' }),
  },
  { ...closed, title: 'WalletControls' },
)

const taxFields = {
  rate_basis_points: Type.Integer({ minimum: 0, maximum: 10_000, description: '1900 is 19 %.' }),
  name: Nullable(
    Type.String({ minLength: 1, maxLength: 50, pattern: '^[^\\u0000-\\u001f\\u007f]+$' }),
    'As invoices call it: VAT, GST.',
  ),
}
const TaxBody = Type.Object(
  { rate_basis_points: taxFields.rate_basis_points, name: Type.Optional(taxFields.name) },
  closed,
)
const TaxView = Type.Object({ workspace_id: Id, ...taxFields }, { title: 'Tax' })

const WalletPath = Type.Object({ workspace: Type.String({ description: 'The workspace’s id.' }) })
const tags = ['billing']

export function tenantWalletRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/wallets',
    {
      schema: {
        summary: 'List the wallets of all tenants',
        description: `A workspace that never bought nor got anything has none yet. ${forOperators}`,
        tags,
        querystring: WalletsQuery,
        response: { 200: PageOf(TenantWalletView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) => {
      await requireOperatorCall(platform.db, request)
      const { negative = null, locked = null } = request.query
      const page = await listWallets(platform, { negative, locked }, pageRequest(request.query))
      return pageView(page, tenantWalletView)
    },
  )
  app.get(
    '/v1/wallets/:workspace',
    {
      schema: {
        summary: 'Get a tenant’s wallet',
        description: forOperators,
        tags,
        params: WalletPath,
        response: { 200: TenantWalletView, ...readProblems('workspace_not_found') },
      },
    },
    async (request) => {
      await requireOperatorCall(platform.db, request)
      const owner = await requireOwner(platform.db, request.params.workspace)
      return tenantWalletView(await walletOf(platform, owner))
    },
  )
  creditRoute(app, platform)
  controlRoutes(app, platform)
}

function creditRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/wallets/:workspace/credits',
    {
      schema: {
        summary: 'Credit a tenant’s wallet',
        description: `What waits for money is then paid. Use an Idempotency-Key, so that it is given once. ${forOperators}`,
        tags,
        params: WalletPath,
        body: CreditBody,
        response: { 200: PreviewView, 201: TenantWalletView, ...postProblems('workspace_not_found') },
      },
    },
    async (request, reply) => {
      const { preview: isPreview, currency = null, ...wanted } = request.body
      const { workspace } = request.params
      const work = async (tx: Tx): Promise<Wallet> => {
        await operatorScope(tx, request)
        return await creditManually(platform, tx, workspace, { ...wanted, currency })
      }
      if (isPreview === true) {
        return preview(platform, reply, async (tx) => {
          const wallet = await work(tx)
          const { workspace_id: id, balance: amount, currency, locked_at } = wallet
          const state = locked_at === null ? 'open' : 'locked'
          return {
            objects: [{ type: 'wallet', action: 'update', id, name: id, state }],
            notes: [`The balance would be ${formatSigned({ amount, currency })} ${currency}.`],
          }
        })
      }
      return mutate(platform, request, reply, async (tx) => ({
        status: 201,
        body: tenantWalletView(await work(tx)),
      }))
    },
  )
}

function controlRoutes(app: Api, platform: Platform): void {
  app.patch(
    '/v1/wallets/:workspace',
    {
      schema: {
        summary: 'Set a tenant’s credit limit, lock or unlock its wallet',
        description: `What waits for money is paid as soon as it can be. ${forOperators}`,
        tags,
        params: WalletPath,
        body: ControlsBody,
        response: { 200: TenantWalletView, ...writeProblems('workspace_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        await operatorScope(tx, request)
        const { credit_limit, locked, lock_reason } = request.body
        const wallet = await controlWallet(platform, tx, request.params.workspace, {
          ...(credit_limit === undefined ? {} : { creditLimit: credit_limit }),
          ...(locked === undefined ? {} : { locked }),
          ...(lock_reason === undefined ? {} : { lockReason: lock_reason }),
        })
        return { status: 200, body: tenantWalletView(wallet) }
      }),
  )
  app.put(
    '/v1/wallets/:workspace/tax',
    {
      schema: {
        summary: 'Set a tenant’s tax',
        description: `It holds for all bills from now on; what is put aside keeps the rate that it was reckoned with. ${forOperators}`,
        tags,
        params: WalletPath,
        body: TaxBody,
        response: { 200: TaxView, ...writeProblems('workspace_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        await operatorScope(tx, request)
        const { rate_basis_points: rateBasisPoints, name = null } = request.body
        const details = await putTax(platform, tx, request.params.workspace, { rateBasisPoints, name })
        return { status: 200, body: taxView(details) }
      }),
  )
}

function tenantWalletView(wallet: Wallet): Static<typeof TenantWalletView> {
  const { workspace_id, organization_id } = wallet
  return { workspace_id, organization_id, ...walletFieldsOf(wallet) }
}

function taxView(details: BillingDetails): Static<typeof TaxView> {
  const { workspace_id, tax_rate_basis_points: rate_basis_points, tax_name: name } = details
  return { workspace_id, rate_basis_points, name }
}
