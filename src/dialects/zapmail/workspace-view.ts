/** How workspaces look to clients: counts are text, one for each provider. */
import { type Static, Type } from 'typebox'
import type { Workspace } from '../../accounts/workspaces.ts'
import type { CountsOf } from '../../mailboxes/product-counts.ts'
import type { Account } from './account.ts'
import { type Provider, productsOf } from './providers.ts'
import { Moment, pageOutput } from './schemas.ts'

export const WorkspaceView = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    userId: Type.String(),
    createdAt: Moment,
    updatedAt: Moment,
    deletedAt: Type.Null(),
  },
  { title: 'Workspace' },
)

/** @param updatedAt is not kept: the moment of the call that changed it. */
export function workspaceView(
  { id, name, created_at: createdAt }: Workspace,
  account: Account,
  updatedAt: Date,
): Static<typeof WorkspaceView> {
  return {
    id,
    name,
    userId: account.id,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
    deletedAt: null,
  }
}

const Count = Type.String({ description: 'A number, as text.' })

const SummaryView = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    domainCountGoogle: Count,
    domainCountMicrosoft: Count,
    activeMailboxCountGoogle: Count,
    activeMailboxCountMicrosoft: Count,
    assignedMailboxesCountGoogle: Count,
    assignedMailboxesCountMicrosoft: Count,
    totalMailboxesPurchasedGoogle: Count,
    totalMailboxesPurchasedMicrosoft: Count,
  },
  { title: 'WorkspaceSummary' },
)

export function workspaceSummary({ id, name }: Workspace, countsOf: CountsOf): Static<typeof SummaryView> {
  const [google, microsoft] = [textsOf('GOOGLE', id, countsOf), textsOf('MICROSOFT', id, countsOf)]
  return {
    id,
    name,
    domainCountGoogle: google.domains,
    domainCountMicrosoft: microsoft.domains,
    activeMailboxCountGoogle: google.active,
    activeMailboxCountMicrosoft: microsoft.active,
    assignedMailboxesCountGoogle: google.assigned,
    assignedMailboxesCountMicrosoft: microsoft.assigned,
    totalMailboxesPurchasedGoogle: google.purchased,
    totalMailboxesPurchasedMicrosoft: microsoft.purchased,
  }
}

function textsOf(provider: Provider, id: string, countsOf: CountsOf) {
  const { domains, active, mailboxes, freeSlots } = countsOf(id, productsOf[provider])
  return {
    domains: String(domains),
    active: String(active),
    assigned: String(mailboxes),
    purchased: String(mailboxes + freeSlots),
  }
}

const totals = {
  totalDomainsCountGoogle: Type.Integer(),
  totalDomainsCountMicrosoft: Type.Integer(),
  totalPurchasedMailboxesCountGoogle: Type.Integer(),
  totalPurchasedMailboxesCountMicrosoft: Type.Integer(),
} as const

export const WorkspacesView = Type.Object(
  {
    ...pageOutput,
    totalWorkspacesCount: Type.Integer(),
    ...totals,
    currentWorkspace: SummaryView,
    workspaces: Type.Array(SummaryView, { description: 'The others.' }),
  },
  { title: 'Workspaces' },
)

/** Of all workspaces together. */
export function totalsOf(countsOf: CountsOf): Record<keyof typeof totals, number> {
  const [google, microsoft] = [countsOf(null, productsOf.GOOGLE), countsOf(null, productsOf.MICROSOFT)]
  return {
    totalDomainsCountGoogle: google.domains,
    totalDomainsCountMicrosoft: microsoft.domains,
    totalPurchasedMailboxesCountGoogle: google.mailboxes + google.freeSlots,
    totalPurchasedMailboxesCountMicrosoft: microsoft.mailboxes + microsoft.freeSlots,
  }
}
