/** The domain that a workspace prefers for new addresses. */
export const defaultDomainsSql: readonly string[] = [
  `create table default_domains (workspace_id uuid primary key, domain_id uuid not null, updated_at timestamptz not null)`,
]
