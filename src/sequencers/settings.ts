/** The settings of connections, read once into the form in which they are kept. */
import type { Config } from '../platform/config.ts'
import { Refusal } from '../platform/errors.ts'
import { type PlatformName, type SequencerSettings, sequencerPlatforms } from './platforms.ts'

/** Bounds of the numbers among the settings; the API's schema has them too. */
export const settingBounds = {
  urlLengthMax: 500,
  idLengthMax: 200,
  callsPerMinuteMax: 60_000,
  dailyLimitMax: 10_000,
} as const

const forFiles: readonly (keyof SequencerSettings)[] = ['daily_limit', 'warmup']

/** @returns the settings in their one form. @throws Refusal invalid_request. */
export function checkSettings(
  config: Pick<Config, 'outboundNetworks'>,
  platform: PlatformName,
  given: SequencerSettings,
): SequencerSettings {
  const { title, method, needs } = sequencerPlatforms[platform]
  for (const name of needs) {
    if (given[name] === undefined) throw invalid(name, `must be given for ${title}`)
  }
  for (const name of settingNames) {
    if (given[name] === undefined || method === 'api' || forFiles.includes(name)) continue
    throw invalid(name, `means nothing for ${title}, which takes files only`)
  }
  requireRange('calls_per_minute', given.calls_per_minute, settingBounds.callsPerMinuteMax)
  requireRange('daily_limit', given.daily_limit, settingBounds.dailyLimitMax)
  if (given.workspace_id !== undefined && !/^[\x21-\x7e]{1,200}$/.test(given.workspace_id)) {
    throw invalid('workspace_id', 'must be up to 200 printable characters of ASCII without spaces')
  }
  return given.base_url === undefined ? given : { ...given, base_url: baseUrl(config, given.base_url) }
}

const settingNames = [
  'base_url',
  'workspace_id',
  'calls_per_minute',
  'daily_limit',
  'warmup',
  'auto_reconnect',
  'remove_inactive',
] as const satisfies readonly (keyof SequencerSettings)[]

function requireRange(name: keyof SequencerSettings, value: number | undefined, max: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= 1 && value <= max)) return
  throw invalid(name, `must be a whole number from 1 to ${max}`)
}

/** The key goes there with every call: in the clear only on platforms whose owner lets mail go anywhere, as for tests. */
function baseUrl({ outboundNetworks }: Pick<Config, 'outboundNetworks'>, text: string): string {
  const url = URL.canParse(text) && text.length <= settingBounds.urlLengthMax ? new URL(text) : null
  const isPlain = url && !url.username && !url.password && !url.search && !url.hash
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && outboundNetworks === 'any')
  if (!isPlain || !isSafe) throw invalid('base_url', 'must be as in https://send.example.com')
  return url.href.replace(/\/+$/, '')
}

function invalid(name: keyof SequencerSettings, detail: string): Refusal {
  const fields = [{ pointer: `/settings/${name}`, detail }]
  return new Refusal('invalid_request', `settings.${name} ${detail}.`, { fields })
}
