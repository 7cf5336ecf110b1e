/** What a server tells that one file is still the same: its size, and the validators that it gives. */
export interface RemoteVersion {
  readonly size: number;
  /** ETag, with its quotation marks; null when the server gives none. */
  readonly etag: string | null;
  /** Last-Modified as it is given; null when the server gives none. */
  readonly modified: string | null;
}

/** A server's answer to a request for a range. */
export interface RangeAnswer {
  readonly status: number;
  /** Of a header by its name in lower case; null without it. */
  header(name: string): string | null;
  /** The content, as it comes. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Ends the connection where the content is not wanted. */
  discard(): Promise<void>;
}

/** A way to ask for parts of one file. */
export interface RangeSource {
  /**
   * Asks for the bytes `first` to `last`, both included, of that version where one is known.
   * @throws FinalAnswer where asking again would not help; Error for a connection that failed
   */
  get(first: number, last: number, version: RemoteVersion | null, signal: AbortSignal): Promise<RangeAnswer>;
}

/** An answer that another attempt would not change. */
export class FinalAnswer extends Error {
  override readonly name = "FinalAnswer";
  /** What is said of the file, such as "does not exist on the server". */
  readonly what: string;
  readonly action: string | undefined;

  constructor(what: string, why: string, action?: string) {
    super(why);
    this.what = what;
    this.action = action;
  }
}

/** An answer that may be another one later. */
export class PassingAnswer extends Error {
  override readonly name = "PassingAnswer";
  /** Milliseconds that the server asks to be left alone; 0 where it does not say. */
  readonly wait: number;

  constructor(why: string, wait: number) {
    super(why);
    this.wait = wait;
  }
}
