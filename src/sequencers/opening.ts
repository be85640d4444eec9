/** How a connection comes by its driver. */
import { privateKeyContext } from '../domains/reseal.ts'
import { anyAddress, tenantAddressRule } from '../platform/outside-http.ts'
import type { Platform } from '../platform/platform.ts'
import type { CallLimits, SequencerDriver } from './driver.ts'
import { paceCalls } from './drivers/paced-calls.ts'
import { openers } from './drivers.ts'
import { type PlatformName, type SequencerSettings, sequencerPlatforms } from './platforms.ts'
import type { Sequencer } from './rows.ts'

export type Opening = {
  platform: PlatformName
  settings: SequencerSettings
  key: string
  /** When the first call may start; null: at once. */
  nextCallAt: Date | null
  /** What waits for its turn ends with it, and so does a call: it may have been done. */
  signal?: AbortSignal
}

export type Opened = {
  driver: SequencerDriver
  /** When the next call may start, for whoever opens it next. */
  nextCallAt(): Date | null
}

export type OpenSequencer = (platform: Platform, opening: Opening) => Opened

const others = new WeakMap<Platform, OpenSequencer>()

/** For tests that bring drivers of their own. */
export function setSequencerDrivers(platform: Platform, open: OpenSequencer): void {
  others.set(platform, open)
}

/** @throws Error for a platform that has no driver. */
export function openSequencer(platform: Platform, opening: Opening): Opened {
  return (others.get(platform) ?? openByApi)(platform, opening)
}

function openByApi({ config, clock }: Platform, opening: Opening): Opened {
  const { platform, settings, key, nextCallAt, signal } = opening
  const open = openers[platform]
  const { baseUrl: usual, limits } = sequencerPlatforms[platform]
  const baseUrl = settings.base_url ?? usual
  if (open === undefined || baseUrl === null) throw new Error(`${platform} cannot be called`)
  const calls = paceCalls({
    baseUrl,
    limits: limitsOf(limits, settings),
    mayAsk:
      settings.base_url === undefined ? anyAddress : tenantAddressRule(config, config.sequencerNetworks),
    nextCallAt,
    wallNow: () => clock.now().getTime(),
    ...(signal === undefined ? {} : { signal }),
  })
  return { driver: open({ call: calls.call, key, settings }), nextCallAt: calls.nextCallAt }
}

/** A plan with more calls a minute lets them follow each other sooner in the same measure. */
function limitsOf(usual: CallLimits, { calls_per_minute: perMinute }: SequencerSettings): CallLimits {
  if (perMinute === undefined) return usual
  const spacingMs = usual.spacingMs * Math.min(1, usual.perMinute / perMinute)
  const addSpacingMs = usual.addSpacingMs > usual.spacingMs ? usual.addSpacingMs : spacingMs
  return { perMinute, spacingMs, addSpacingMs }
}

/** @returns null for a connection that takes files only. */
export function keyOf(platform: Platform, row: Pick<Sequencer, 'id' | 'sealed_private_key'>): string | null {
  const { sealed_private_key: sealed } = row
  return sealed === null
    ? null
    : platform.vault.open(sealed, privateKeyContext('sequencers', row.id)).toString()
}
