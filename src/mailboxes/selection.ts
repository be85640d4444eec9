/** Mailboxes that a call means by what they have in common, with some left out. */
import { sql } from 'kysely'
import { requireWorkspace, type Scope } from '../accounts/principals.ts'
import type { Product } from '../domains/products.ts'
import type { Db } from '../platform/database.ts'
import { isId } from '../platform/ids.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import type { MailboxState } from './lifecycle.ts'
import { likePattern } from './search-text.ts'

export type Selection = {
  /** Part of the address or of a name; empty: any. */
  search: string
  states: readonly MailboxState[]
  /** Null among them: those that are of no product. */
  products: readonly (Product | null)[]
  /** Tags of their domains, of which one is enough; none: whatever the domain has. */
  domainTagIds: readonly string[]
  /** What is no id of a mailbox leaves nothing out. */
  without: readonly string[]
}

/** Their ids, the oldest first, no more than so many. @throws Refusal forbidden. */
export async function selectMailboxes(
  db: Db,
  scope: Scope,
  { search, states, products, domainTagIds, without }: Selection,
  limit: number,
): Promise<string[]> {
  requireWorkspace(scope)
  const named = products.filter((product) => product !== null)
  const tags = domainTagIds.filter(isId)
  const tagged =
    domainTagIds.length === 0
      ? sql``
      : sql`and exists (select from domain_taggings where domain_taggings.domain_id = mailboxes.domain_id
          and tag_id = any(${uuidArray(tags)}))`
  const { rows } = await sql<{ id: string }>`
    select id from mailboxes where workspace_id = ${scope.workspaceId}::uuid and state = any(${states}::text[])
      and (product = any(${named}::text[]) or ${products.includes(null)}::boolean and product is null)
      and search_text like ${likePattern(search)} and id <> all(${uuidArray(without.filter(isId))}) ${tagged}
    order by id limit ${limit}`.execute(db)
  return rows.map(({ id }) => id)
}
