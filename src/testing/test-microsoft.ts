/** A driver for the stand-in for Microsoft 365, and what tests of it share. */
import assert from 'node:assert/strict'
import { type RemoteDriver, RemoteFailure, type WantedUser } from '../mailboxes/engines/driver.ts'
import { openMicrosoft } from '../mailboxes/engines/microsoft/microsoft.ts'
import type { MicrosoftSecret } from '../mailboxes/engines/microsoft/settings.ts'
import type { MicrosoftStandIn } from './microsoft-stand-in.ts'

export const skuPartNumber = 'EXCHANGESTANDARD'

export function openStandIn(microsoft: MicrosoftStandIn, secret?: MicrosoftSecret): RemoteDriver {
  const { tenantId, clientId, secrets } = microsoft.state
  const [value = ''] = secrets
  return openMicrosoft(
    { tenantId, clientId, usageLocation: 'DE', skuPartNumber },
    secret ?? { kind: 'client_secret', value },
    { graphUrl: microsoft.graphUrl, loginUrl: microsoft.loginUrl },
  )
}

export function wantedUser(localPart: string): WantedUser {
  return {
    address: `${localPart}@demo.example`,
    firstName: 'Ann',
    lastName: 'Lee',
    displayName: 'Ann Lee',
    password: 'A good password, 1',
    suspended: false,
    mark: `mailwright:${localPart}`,
  }
}

export async function remoteFailureOf(promise: Promise<unknown>): Promise<RemoteFailure> {
  const error: unknown = await promise.then(
    () => 'no failure',
    (cause: unknown) => cause,
  )
  assert.ok(error instanceof RemoteFailure, String(error))
  return error
}
