/** /v1/billing-details: who the workspace's invoices are for. */
import { type Static, Type } from 'typebox'
import { requireWorkspace } from '../accounts/principals.ts'
import { billingDetailsOf, putBillingDetails } from '../billing/billing-details.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { mutate } from './mutate.ts'
import { partyFields } from './party-fields.ts'
import { readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Moment, momentOrNull, Nullable } from './schemas.ts'

const fields = {
  name: Nullable(partyFields.name),
  company: Nullable(partyFields.company),
  email: Nullable(partyFields.email),
  tax_id: Nullable(partyFields.tax_id),
  address_lines: partyFields.address_lines,
  postal_code: Nullable(partyFields.postal_code),
  city: Nullable(partyFields.city),
  region: Nullable(partyFields.region),
  country: Nullable(partyFields.country),
}

const DetailsBody = Type.Partial(Type.Object(fields), { ...closed, title: 'NewBillingDetails' })
const DetailsView = Type.Object(
  {
    ...fields,
    tax_rate_basis_points: Type.Integer({ description: 'What the operator has set: 1900 is 19 %.' }),
    tax_name: Nullable(Type.String()),
    updated_at: Nullable(Moment),
  },
  { title: 'BillingDetails' },
)
const tags = ['billing']

export function billingDetailsRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/billing-details',
    {
      schema: {
        summary: 'Get the billing details',
        tags,
        response: { 200: DetailsView, ...readProblems() },
      },
    },
    async (request) => {
      const scope = scopeOf(request)
      requireWorkspace(scope)
      return detailsView(await billingDetailsOf(platform.db, scope.workspaceId))
    },
  )
  app.put(
    '/v1/billing-details',
    {
      schema: {
        summary: 'Set the billing details',
        description:
          'All of them: what is left out is empty. Invoices that are written keep what they say. The tax is the operator’s to set.',
        tags,
        body: DetailsBody,
        response: { 200: DetailsView, ...writeProblems() },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { body } = request
        const details = await putBillingDetails(platform, tx, scopeOf(request), {
          name: body.name ?? null,
          company: body.company ?? null,
          email: body.email ?? null,
          tax_id: body.tax_id ?? null,
          address_lines: body.address_lines ?? [],
          postal_code: body.postal_code ?? null,
          city: body.city ?? null,
          region: body.region ?? null,
          country: body.country ?? null,
        })
        return { status: 200, body: detailsView(details) }
      }),
  )
}

type Details = Awaited<ReturnType<typeof billingDetailsOf>>

function detailsView({ workspace_id: _, updated_at, ...details }: Details): Static<typeof DetailsView> {
  return { ...details, updated_at: momentOrNull(updated_at) }
}
