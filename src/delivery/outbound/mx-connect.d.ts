/** What this program uses of mx-connect, which has no types of its own. */
declare module 'mx-connect' {
  import type { Socket } from 'node:net'
  import type { PeerCertificate } from 'node:tls'

  /** Rejects with an error that has `category` ('dns', 'network', 'policy', 'dane') and maybe `temporary` and `code`. */
  function mxConnect(options: mxConnect.MxConnectOptions): Promise<mxConnect.MxConnection>
  namespace mxConnect {
    type MxConnection = {
      socket: Socket
      /** The MX host's name, and its address. */
      hostname: string
      host: string
      port: number
      /** Set where TLSA records were found. */
      daneVerifier?: (
        hostname: string,
        certificate: PeerCertificate,
        chain: PeerCertificate[],
      ) => Error | undefined
    }

    type MxConnectOptions = {
      target: string
      port: number
      mx?: { exchange: string; priority?: number; A?: string[]; AAAA?: string[] }[]
      maxConnectTime: number
      dnsOptions: {
        blockLocalAddresses: boolean
        blockReservedNetworks: boolean
        resolveRecords(name: string, type: string): Promise<unknown[]>
      }
      ignoreMXHosts?: readonly string[]
      mtaSts: { enabled: false }
      dane: {
        enabled: boolean
        resolveTlsa?(name: string): Promise<unknown[]>
        checkDnssecSecure?(hostname: string): Promise<{ secure: boolean }>
      }
    }
  }
  export = mxConnect
}
