/** The drivers that there are, by platform. */
import type { SequencerDriver } from './driver.ts'
import type { CallSequencer } from './drivers/calls.ts'
import type { PlatformName, SequencerSettings } from './platforms.ts'

export type DriverOptions = {
  call: CallSequencer
  key: string
  settings: SequencerSettings
}

/** A file in drivers/ for each of the platforms that have an API. */
export const openers: Partial<Record<PlatformName, (options: DriverOptions) => SequencerDriver>> = {}
