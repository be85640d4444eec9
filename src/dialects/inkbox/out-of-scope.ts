/** What this platform does not have: clients learn that it is not enabled, and not that they called something wrong. */

import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'

const features: readonly (readonly [feature: string, path: string])[] = [
  ['Phone', '/phone'],
  ['iMessage', '/imessage'],
  ['Tunnels', '/tunnels'],
  ['Agent to agent', '/a2a'],
  ['Agent to agent', '/identities/:agent_handle/a2a'],
  ['Vault', '/vault'],
  ['Contacts', '/contacts'],
  ['Notes', '/notes'],
  ['Slack', '/slack'],
  ['Companion mode', '/identities/:agent_handle/companion'],
  ['Organization domains', '/organization-domains'],
]

export function outOfScopeRoutes(app: Api): void {
  for (const [feature, path] of features) {
    const refuse = async (): Promise<never> => {
      throw new Refusal('forbidden', `${feature} is not enabled on this server.`, {
        facts: { error: 'feature_not_enabled', code: 'feature_not_enabled' },
      })
    }
    for (const url of [path, `${path}/*`]) app.all(url, { schema: { hide: true } }, refuse)
  }
}
