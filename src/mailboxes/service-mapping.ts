/** Which service makes the mailboxes that a workspace asks for as a product: ours, unless it says otherwise. */
import { type Principal, requireWorkspace, requireWrite } from '../accounts/principals.ts'
import { getWorkspace } from '../accounts/workspaces.ts'
import { type Product, products } from '../domains/products.ts'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { engineOf } from './engines.ts'
import type { Service } from './tables.ts'

/** A product without a row is made by the service `local`. */
export type ServiceMappingsTable = { workspace_id: string; product: Product; service: Service }

declare module '../platform/database.ts' {
  interface Tables {
    service_mappings: ServiceMappingsTable
  }
}

declare module '../platform/events.ts' {
  interface EventTypes {
    'workspace.service_mapping_changed': {
      workspace_id: string
      before: ServiceMapping
      mapping: ServiceMapping
    }
  }
}

export type ServiceMapping = Record<Product, Service>

export const defaultServiceMapping: Readonly<ServiceMapping> = {
  google: 'local',
  microsoft: 'local',
  azure: 'local',
  smtp: 'local',
  smtp_dedicated: 'local',
}

/** @param db the transaction, inside one. */
export async function serviceMappingOf(db: Db, workspaceId: string): Promise<ServiceMapping> {
  const rows = await db
    .selectFrom('service_mappings')
    .select(['product', 'service'])
    .where('workspace_id', '=', workspaceId)
    .execute()
  const mapping = { ...defaultServiceMapping }
  for (const { product, service } of rows) mapping[product] = service
  return mapping
}

/**
 * Replaces it. Mailboxes that there are stay with their service.
 * @throws Refusal workspace_not_found, service_unavailable (it is not set up on this platform), forbidden.
 */
export async function putServiceMapping(
  platform: Platform,
  tx: Tx,
  principal: Principal,
  id: string,
  mapping: ServiceMapping,
): Promise<ServiceMapping> {
  requireWrite(principal)
  requireWorkspace(principal)
  const workspace = await getWorkspace(platform, principal, id, tx)
  const missing = Object.values(mapping).find((service) => engineOf(platform, service) === null)
  if (missing) throw new Refusal('service_unavailable', `The service "${missing}" is not set up here.`)
  const before = await serviceMappingOf(tx, workspace.id)
  const rows = products.map((product) => ({
    workspace_id: workspace.id,
    product,
    service: mapping[product],
  }))
  await tx
    .insertInto('service_mappings')
    .values(rows)
    .onConflict((conflict) =>
      conflict
        .columns(['workspace_id', 'product'])
        .doUpdateSet((set) => ({ service: set.ref('excluded.service') })),
    )
    .execute()
  await appendEvents(platform, tx, [
    {
      type: 'workspace.service_mapping_changed',
      organizationId: workspace.organization_id,
      workspaceId: workspace.id,
      data: { workspace_id: workspace.id, before, mapping },
    },
  ])
  return mapping
}
