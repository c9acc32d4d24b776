"""What the tests share: real servers, fakes of the outside, and processes."""
