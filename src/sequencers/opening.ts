/** How a connection comes by its driver. */
import { privateKeyContext } from '../domains/reseal.ts'
import type { Platform } from '../platform/platform.ts'
import type { SequencerDriver } from './driver.ts'
import type { PlatformName, SequencerSettings } from './platforms.ts'
import type { Sequencer } from './rows.ts'

export type Opening = {
  platform: PlatformName
  settings: SequencerSettings
  key: string
  /** When the first call may start; null: at once. */
  nextCallAt: Date | null
  /** Called with each call: when the next one may start. */
  onTurn(nextCallAt: Date): void
}

export type OpenSequencer = (platform: Platform, opening: Opening) => SequencerDriver

const opened = new WeakMap<Platform, OpenSequencer>()

/** Called by the composition root, and by tests with drivers of their own. */
export function setSequencerDrivers(platform: Platform, open: OpenSequencer): void {
  opened.set(platform, open)
}

/** @throws Error for a platform that has no driver. */
export function openSequencer(platform: Platform, opening: Opening): SequencerDriver {
  const open = opened.get(platform)
  if (!open) throw new Error('no drivers of sequencers were set')
  return open(platform, opening)
}

/** @returns null for a connection that takes files only. */
export function keyOf(platform: Platform, row: Pick<Sequencer, 'id' | 'sealed_private_key'>): string | null {
  const { sealed_private_key: sealed } = row
  return sealed === null
    ? null
    : platform.vault.open(sealed, privateKeyContext('sequencers', row.id)).toString()
}
