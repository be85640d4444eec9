/** The services elsewhere that there are drivers for, and what each must be told. */
import type { Platform } from '../../platform/platform.ts'
import type { EngineCapabilities } from '../engines.ts'
import type { RemoteDriver } from './driver.ts'
import { googleCapabilities, openGoogle } from './google/google.ts'
import { checkGoogleSettings, googleSettingsOf, googleTenantOf } from './google/settings.ts'
import { microsoftCapabilities, openMicrosoft } from './microsoft/microsoft.ts'
import { checkMicrosoftSettings, microsoftSecretOf, microsoftSettingsOf } from './microsoft/settings.ts'
import type { ConnectionSettings } from './settings.ts'

type Kind = {
  capabilities: EngineCapabilities
  /** @returns settings and secret in the one form that is kept. @throws Refusal invalid_request. */
  check(given: ConnectionSettings, secret: string): { settings: ConnectionSettings; secret: string }
  /** What the tenant is named by: two connections of the same are to the same one. @param settings as they are kept. */
  tenantOf(settings: ConnectionSettings): string
  /** @param settings as they are kept. @throws Error for settings that no version of this program keeps. */
  open(
    platform: Pick<Platform, 'config' | 'clock'>,
    settings: ConnectionSettings,
    secret: string,
  ): RemoteDriver
}

export const remoteKinds = {
  google: {
    capabilities: googleCapabilities,
    check: checkGoogleSettings,
    tenantOf: (settings) => googleTenantOf(googleSettingsOf(settings)),
    open: ({ config, clock }, settings, secret) =>
      openGoogle(googleSettingsOf(settings), secret, {
        apiUrl: config.googleApiUrl,
        now: () => clock.now(),
      }),
  },
  microsoft: {
    capabilities: microsoftCapabilities,
    check: checkMicrosoftSettings,
    tenantOf: (settings) => microsoftSettingsOf(settings).tenantId,
    open: ({ config }, settings, secret) =>
      openMicrosoft(microsoftSettingsOf(settings), microsoftSecretOf(secret), {
        graphUrl: config.microsoftGraphUrl,
        loginUrl: config.microsoftLoginUrl,
      }),
  },
} as const satisfies Record<string, Kind>

/** The services that can be connected. */
export type ConnectionService = keyof typeof remoteKinds

export const connectionServices = ['google', 'microsoft'] as const satisfies readonly ConnectionService[]

/** @param connection as it is kept. */
export function openDriver(
  platform: Pick<Platform, 'config' | 'clock'>,
  connection: { service: ConnectionService; settings: ConnectionSettings },
  secret: string,
): RemoteDriver {
  return remoteKinds[connection.service].open(platform, connection.settings, secret)
}
