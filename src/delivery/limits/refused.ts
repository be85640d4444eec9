/** The queue's refusal of what passes a limit, or comes from a sender that is paused. */
import { type ErrorCode, Refusal } from '../../platform/errors.ts'
import type { ArrivalRefusal } from '../refusal.ts'

/** Thrown inside the transaction to roll it back. For the API it is a Refusal, in the words of the first. */
export class SendingRefused extends Refusal {
  /** By the place of the entry in what was to be queued. */
  readonly refused: ReadonlyMap<number, ArrivalRefusal>

  constructor(refused: ReadonlyMap<number, ArrivalRefusal>) {
    const [first] = refused.values()
    super(codeOf(first), first?.text)
    this.refused = refused
  }
}

function codeOf(refusal: ArrivalRefusal | undefined): ErrorCode {
  return refusal?.code === 452 ? 'sending_limit_reached' : 'sending_paused'
}
