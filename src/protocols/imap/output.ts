/** Responses of many writes: once one has begun, it is finished or the connection ends. */
import { ConnectionClosed, type Output } from '../output.ts'

/** Our own defect in the middle of a response: whatever followed would be taken for a part of it. */
export class ResponseBrokenOff extends Error {}

/** Runs what writes responses. @throws ResponseBrokenOff when it fails after it began to write. */
export async function writeUnbroken<T>(
  output: Output,
  work: (write: Output['write']) => Promise<T>,
): Promise<T> {
  let started = false
  const write = (data: string | Buffer): Promise<void> => {
    started = true
    return output.write(data)
  }
  return await work(write).catch((cause: unknown) => {
    if (!started || cause instanceof ConnectionClosed) throw cause
    throw new ResponseBrokenOff('a response could not be finished', { cause })
  })
}
