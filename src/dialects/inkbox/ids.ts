/** This API's prefixes of ids. All other ids are bare UUIDs. */
import { prefixedIds } from '../prefixed-ids.ts'

export const { prefixedId, bareId } = prefixedIds({
  /** Their organization is our workspace: what one credential reaches. */
  organization: 'org_',
  apiKey: 'ApiKey_',
  domain: 'sending_domain_',
  event: 'evt_',
})
