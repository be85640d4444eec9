/** The settings of connections to services elsewhere. */

/** Those of all services, by which a connection is told its tenant. */
type SettingName =
  | 'admin_email'
  | 'client_email'
  | 'client_id'
  | 'customer_id'
  | 'org_unit_path'
  | 'sku_part_number'
  | 'tenant_id'
  | 'usage_location'

/** What is no secret, as callers give it, it is kept, and it is shown. Which a service has is checked by its own. */
export type ConnectionSettings = Partial<Record<SettingName, string>>
