/** What a driver is opened with. */
import type { SequencerSettings } from '../platforms.ts'
import type { CallSequencer } from './calls.ts'

export type DriverOptions = {
  call: CallSequencer
  key: string
  settings: SequencerSettings
}
